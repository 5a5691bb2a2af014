import { cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { demoModel } from 'hfquant/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTextThread } from './text-thread.js'
import { startTextThreads, type TextThreads } from './text-threads.js'

const chat = (content: string) => ({
  ...{ kind: 'chat' as const, tools: undefined, variables: {}, addGenerationPrompt: true },
  ...{ continueFinalMessage: false, messages: [{ role: 'user', content }] },
})
const words = (text: string) => ({ kind: 'text' as const, text, addSpecialTokens: true })

const data = (chatTemplate?: string) => ({
  ...{ model: 'demo', folder: demoModel, chatTemplate, contextLength: 512 },
})
/** A machine that does much else must not make an error of its own. */
const PATIENT = { template: 20_000, tokens: 20_000, grammar: 20_000 }
const PLAIN = '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}'

describe('text threads', () => {
  let texts: TextThreads
  beforeAll(async () => {
    texts = await startTextThreads(data(PLAIN), PATIENT)
  })
  afterAll(() => texts.close())

  it('write conversations out, and make tokens of them and of texts', async () => {
    const { ids, ending, prefix } = await texts.run(chat('Once upon a time'))
    expect(await texts.run({ kind: 'decode', ids })).toBe('user: Once upon a time\n')
    expect([ending, prefix]).toEqual(['user: Once upon a time\n', undefined])
    const [first] = (await texts.run(words('Once'))).ids
    expect(await texts.run({ kind: 'tokens', ids: [first!] })).toEqual(['<s>'])
  })

  it('compile grammars over the tokens of the model', async () => {
    const source = { type: 'json_object' as const }
    const { automaton, vocabulary } = await texts.run({ kind: 'grammar', source, endTokenIds: [2] })
    expect(automaton.length).toBeGreaterThan(0)
    expect([...vocabulary.endTokenIds]).toEqual([2])
    const refused = {
      kind: 'grammar' as const,
      source: { type: 'json_schema' as const, schema: { not: {} } },
    }
    await expect(texts.run({ ...refused, endTokenIds: [2] })).rejects.toMatchObject({
      ...{ code: 'SCHEMA_UNSUPPORTED', message: expect.stringContaining('#') },
    })
  })

  it('do 64 texts at most that no queue bounds', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 70 }, (_, index) => texts.runUnqueued(words(`word ${index}`))),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(64)
    expect(results.find((one) => one.status === 'rejected')?.reason).toMatchObject({ code: 'queue_full' })
  })

  it('cut a text that may be cut, however long', async () => {
    const cut = { ...words('word '.repeat(600)), truncateTo: 20 }
    expect((await texts.run(cut)).ids).toHaveLength(20)
  })

  it('tell long conversations apart by what they begin with', async () => {
    const begin = ' together'.repeat(150)
    const [first, next, other] = await Promise.all(
      [begin, `${begin} again`, `No${begin}`].map(async (text) => (await texts.run(chat(text))).prefix),
    )
    expect(first).toMatch(/^[0-9a-f]{16}$/)
    expect(next).toBe(first)
    expect(other).not.toBe(first)
  })

  it('refuse what the model cannot read, however long, without reading it', async () => {
    for (const text of ['word '.repeat(600), 'x'.repeat(4_000_000), ' '.repeat(100_000)]) {
      await expect(texts.run(words(text))).rejects.toMatchObject({ code: 'PROMPT_TOO_LONG' })
    }
  })
})

describe('a template', () => {
  it.each([
    ['is not there', undefined, 'CHAT_TEMPLATE_MISSING'],
    ['refuses', '{{ raise_exception("no") }}', 'CHAT_TEMPLATE_REFUSED'],
    ['throws', '{{ messages.nothing.there }}', 'CHAT_TEMPLATE_FAILED'],
    [
      'loops',
      '{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}',
      'CHAT_TEMPLATE_FAILED',
    ],
    [
      'doubles',
      `{% set ns = namespace(t="x") %}{% for a in range(40) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}`,
      'CHAT_TEMPLATE_FAILED',
    ],
  ])('that %s is an error of the request', async (_, template, code) => {
    const texts = await startTextThreads(data(template), PATIENT)
    await expect(texts.run(chat('Hi'))).rejects.toMatchObject({ code })
    await texts.close()
  })
})

/** Brackets that no thread can be sent: copying them descends by recursion. */
function deepValue(): object {
  let value: object = {}
  for (let level = 0; level < 100_000; level++) value = { value }
  return value
}

describe('a job that cannot be sent to the thread', () => {
  it('fails by itself, at once, and wherever it waits', async () => {
    const thread = await startTextThread(data(PLAIN), PATIENT)
    const deep = { ...chat('Hi'), variables: { deep: deepValue() } }
    const jobs = [thread.run(deep), thread.run(words('one')), thread.run(deep), thread.run(words('two'))]
    const results = await Promise.allSettled(jobs)
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled'])
    expect(thread.size).toBe(0)
    await thread.close()
  })
})

describe('a thread that cannot start again', () => {
  it('fails those that wait, and is tried again by the next one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hfquant-texts-'))
    const [model, away] = [join(folder, 'model'), join(folder, 'away')]
    await cp(demoModel, model, { recursive: true })
    const endless = { ...data(PLAIN), folder: model, contextLength: 10_000_000 }
    const thread = await startTextThread(endless, { template: 20_000, tokens: 500, grammar: 500 })
    await rename(model, away)
    const jobs = ['word '.repeat(1_600_000), 'one'].map((text) => thread.run(words(text)))
    await expect(jobs[0]).rejects.toMatchObject({ code: 'template_timeout' })
    await expect(jobs[1]).rejects.toBeInstanceOf(Error)
    await expect(thread.run(words('two'))).rejects.toBeInstanceOf(Error)
    await rename(away, model)
    expect((await thread.run(words('three'))).ending).toBe('three')
    await thread.close()
    await rm(folder, { recursive: true })
  })
})

describe('a job that takes too long', () => {
  it('ends its thread, and those behind it are done by the next one', async () => {
    const endless = { ...data(PLAIN), contextLength: 10_000_000 }
    const thread = await startTextThread(endless, { ...PATIENT, tokens: 500, grammar: 1 })
    const jobs = ['word '.repeat(1_600_000), 'one', 'two'].map((text) => thread.run(words(text)))
    await expect(jobs[0]).rejects.toMatchObject({ code: 'template_timeout' })
    expect((await jobs[1])!.ending).toBe('one')
    expect((await jobs[2])!.ending).toBe('two')
    const schema = { enum: Array.from({ length: 900 }, (_, index) => `value ${index}`) }
    await expect(
      thread.run({ kind: 'grammar', source: { type: 'json_schema', schema }, endTokenIds: [2] }),
    ).rejects.toMatchObject({ code: 'grammar_too_complex' })
    await thread.close()
    await expect(thread.run(chat('late'))).rejects.toMatchObject({ code: 'MODEL_DISPOSED' })
  })
})
