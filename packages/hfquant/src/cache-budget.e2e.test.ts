import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { testFolder } from '@hfquant/testkit'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { demoModel } from './demo/index.js'
import {
  AutoModelForCausalLM,
  type CausalLM,
  type GenerateOptions,
  type LoadModelOptions,
  recipe,
} from './index.js'

/** Keys and values within limits: calls wait, and give up their room, and nobody's tokens depend on that. */

const load = (options: LoadModelOptions = {}, model = demoModel) =>
  AutoModelForCausalLM.fromPretrained(model, { compute: 'exact', ...options })
const folder = testFolder()
const free = await load()
afterAll(() => free.dispose())

const prompt = (length: number, seed: number) =>
  Array.from({ length }, (_, index) => 3 + ((index * 7 + seed * 11) % 900))

async function answer(
  model: CausalLM,
  inputIds: readonly number[],
  options: GenerateOptions = {},
  onEnd?: () => void,
) {
  const tokens: number[] = []
  const logprobs: (number | undefined)[] = []
  let end: object = {}
  const settings = { maxNewTokens: 40, temperature: 0, ignoreEos: true, ...options }
  for await (const { tokenId, logprob, finish, usage } of model.generate({ inputIds }, settings)) {
    tokens.push(tokenId)
    logprobs.push(logprob)
    if (usage === undefined) continue
    end = { finish, ...usage }
    onEnd?.()
  }
  return { tokens, logprobs, ...end }
}

const idle = (model: CausalLM) => vi.waitFor(() => expect(model.counters.running).toBe(0))

describe('kvCacheMemory', () => {
  test('makes sequences wait and give up their room, without changing a bit of what they say', async () => {
    const long = join(folder, 'long')
    await cp(demoModel, long, { recursive: true })
    const config = JSON.parse(await readFile(join(long, 'config.json'), 'utf8'))
    await writeFile(join(long, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: 4096 }))
    const options = { maxNewTokens: 290, logprobs: 0 }
    const fast = {
      compute: 'fast',
      quantizationConfig: await recipe('int8-dynamic-act-int8-weight'),
    } as const
    const prompts = [1, 2, 3].map((seed) => prompt(235 + seed, seed))
    await using unlimited = await load(fast, long)
    const wanted = await Promise.all(prompts.map((ids) => answer(unlimited, ids, options)))
    // Two of 512 tokens, but not one of 768 beside one of 512.
    const kvCacheMemory = 2.2 * free.kvCacheBytes(512)
    await using model = await load({ ...fast, kvCacheMemory: Math.floor(kvCacheMemory) }, long)
    const found = await Promise.all(prompts.map((ids) => answer(model, ids, options)))
    const said = (answers: typeof found) => answers.map(({ tokens, logprobs }) => ({ tokens, logprobs }))
    expect(said(found)).toEqual(said(wanted))
    expect(wanted[0]!.logprobs).not.toContain(undefined)
    await idle(model)
    const { cacheBytes, preemptions, generatedTokens } = model.counters
    expect(preemptions).toBeGreaterThan(0)
    expect(generatedTokens).toBe(3 * 290)
    expect(cacheBytes.active).toBe(0)
    expect(cacheBytes.total).toBeLessThanOrEqual(cacheBytes.budget!)
  })

  test('ends an answer that fills all of it, and refuses a prompt that does', async () => {
    await using model = await load({ kvCacheMemory: free.kvCacheBytes(256) })
    const ids = prompt(240, 5)
    const filled = await answer(model, ids)
    expect(filled).toMatchObject({ finish: 'length', completionTokens: 16 })
    expect(filled.tokens).toEqual((await answer(free, ids)).tokens.slice(0, 16))
    await expect(answer(model, prompt(256, 5))).rejects.toMatchObject({
      ...{ code: 'PROMPT_TOO_LONG', found: 256, expected: 256 },
      message: expect.stringContaining(`keys and values need ${free.kvCacheBytes(257)} bytes`),
      hint: expect.stringContaining('kvCacheMemory'),
    })
  })

  test.each([{ kvCacheMemory: 0 }, { kvCacheMemory: 1.5 }, { maxSequences: -1 }])(
    'is refused where it is no number of bytes: %j',
    async (options) => {
      const [field] = Object.keys(options)
      await expect(load(options)).rejects.toMatchObject({ code: 'OPTION_VALUE', field })
    },
  )
})

describe('a call', () => {
  test('is told when it has room; of as many at once as there may be', async () => {
    await using model = await load({ maxSequences: 1 })
    const told: string[] = []
    const call = (name: string, ids: readonly number[]) =>
      answer(
        model,
        ids,
        {
          maxNewTokens: 3,
          onAdmitted: ({ cachedTokens }) => told.push(`${name} begins with ${cachedTokens}`),
        },
        () => told.push(`${name} ends`),
      )
    await Promise.all([call('first', prompt(40, 1)), call('second', prompt(40, 1))])
    expect(told).toEqual(['first begins with 0', 'first ends', 'second begins with 38', 'second ends'])
    await expect(answer(model, prompt(5, 1), { onAdmitted: 1 as never })).rejects.toMatchObject({
      ...{ code: 'GENERATION_OPTION_INVALID', field: 'onAdmitted' },
    })
  })

  test('finds what others of its scope left, and nothing of anybody else', async () => {
    const cached = async (scope?: string) => {
      const end = await answer(free, prompt(60, 7), { scope, maxNewTokens: 1 })
      return (end as { cachedTokens?: number }).cachedTokens
    }
    expect([await cached('ada'), await cached('ada'), await cached('bob'), await cached()]).toEqual([
      0, 58, 0, 0,
    ])
  })
})

describe('a text', () => {
  test('is scored as its logits say, and counts for those who go on from it', async () => {
    const inputIds = prompt(300, 9)
    const scored = await free.score({ inputIds }, { top: 2, scope: 'scores' })
    expect(scored.map(({ tokenId }) => tokenId)).toEqual(inputIds)
    expect(scored[0]).toEqual({ tokenId: inputIds[0] })
    const { loss } = await free.perplexity({ inputIds })
    const sum = scored.slice(1).reduce((total, { logprob }) => total + logprob!, 0)
    expect(-sum / 299).toBeCloseTo(loss, 4)
    for (const { logprob, topLogprobs } of scored.slice(1)) {
      expect(topLogprobs).toHaveLength(2)
      expect(topLogprobs![0]!.logprob).toBeGreaterThanOrEqual(logprob!)
    }
    expect(await answer(free, inputIds, { scope: 'scores', maxNewTokens: 1 })).toMatchObject({
      cachedTokens: 298,
    })
    await expect(free.score({ inputIds }, { top: 21 })).rejects.toMatchObject({
      code: 'OPTION_VALUE',
      field: 'top',
    })
    await expect(free.score({ inputIds: [] })).rejects.toMatchObject({ code: 'INPUT_EMPTY' })
  })
})
