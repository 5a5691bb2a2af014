import { setImmediate } from 'node:timers/promises'
import {
  generateObject,
  generateText,
  jsonSchema,
  type LanguageModel,
  Output,
  streamText,
  UnsupportedFunctionalityError,
} from 'ai'
import { AutoModelForCausalLM, type CausalLM } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHfquant } from './index.js'
import { collect } from './testing/collect.fixture.js'
import { type ScriptedModel, scriptedModel } from './testing/scripted-model.fixture.js'

// What is not honoured is looked for in the results.
globalThis.AI_SDK_LOG_WARNINGS = false

const provider = createHfquant({ threads: 1 })
let folder: ScriptedModel
/** Answers as its scripts say. */
let scripted: LanguageModel
/** The bundled model, that is no chat model. */
const demo = provider(demoModel, { chatTemplate: '{{ messages[-1].content }}' })
const greedy = { model: demo, temperature: 0, maxOutputTokens: 24, prompt: 'Once upon a time' }

beforeAll(async () => {
  folder = await scriptedModel({
    greet: 'Hello there. STOP and more',
    think: '<think>\nTwo STOP two\n</think>\n\nFour. STOP',
    any: '{"a": [1, "two"]}',
    json: '<think>Hm</think>\n{"sum": 5}',
  })
  scripted = provider(folder.folder)
})
afterAll(async () => {
  await provider.dispose()
  await folder[Symbol.asyncDispose]()
})

describe('a text', () => {
  it('is that of the library, with its usage and why it ends', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(demoModel, { threads: 1 })
    const options = { chatTemplate: '{{ messages[0].content }}', maxNewTokens: 24, doSample: false }
    const pieces = await collect(model.chat([{ role: 'user', content: greedy.prompt }], options))
    const result = await generateText(greedy)
    expect(result.text).toBe(pieces.map(({ text }) => text).join(''))
    expect(result).toMatchObject({ finishReason: 'length', rawFinishReason: 'length', warnings: [] })
    const { inputTokens, outputTokens } = result.usage
    expect([inputTokens, outputTokens]).toEqual([pieces.at(-1)!.usage!.promptTokens, 24])
    expect(result.response).toMatchObject({ modelId: demoModel })
  })

  it('is streamed piece by piece, and finds its prompt in the cache', async () => {
    const ask = { ...greedy, prompt: 'Once upon a time there was a girl named Mina. '.repeat(4) }
    const { text } = await generateText(ask)
    const result = streamText(ask)
    const pieces = await collect(result.textStream)
    expect(pieces.length).toBeGreaterThan(10)
    expect(pieces.join('')).toBe(text)
    expect((await result.usage).inputTokenDetails.cacheReadTokens).toBeGreaterThan(0)
    expect(await result.finishReason).toBe('length')
  })

  it('ends at an end token, before a stop sequence, and where the model says', async () => {
    expect(await generateText({ model: scripted, prompt: 'greet' })).toMatchObject({
      ...{ text: 'Hello there. STOP and more', finishReason: 'stop' },
    })
    const stopped = await generateText({ model: scripted, prompt: 'greet', stopSequences: ['STOP', 'more'] })
    expect(stopped).toMatchObject({ text: 'Hello there. ', finishReason: 'stop' })
    const { maxOutputTokens: _, ...open } = greedy
    // generation_config.json: 200.
    const long = await generateText({ ...open, providerOptions: { hfquant: { minNewTokens: 400 } } })
    expect(long).toMatchObject({ finishReason: 'length', usage: { outputTokens: 200 } })
  })

  it('is the same for the same seed, whatever its sign', async () => {
    const ask = async (seed: number) =>
      (await generateText({ ...greedy, temperature: 1, topK: 50, topP: 0.95, seed })).text
    const first = await ask(5)
    expect(await ask(-5)).toBe(first)
    expect(await ask(6)).not.toBe(first)
  })

  it('obeys penalties and options of this provider', async () => {
    const { text } = await generateText(greedy)
    for (const settings of [
      { presencePenalty: 2 },
      { frequencyPenalty: 2 },
      { providerOptions: { hfquant: { repetitionPenalty: 2 } } },
      { providerOptions: { hfquant: { noRepeatNgramSize: 1 } } },
    ]) {
      expect((await generateText({ ...greedy, ...settings })).text).not.toBe(text)
    }
    const raw = await collect(
      streamText({ ...greedy, maxOutputTokens: 2, includeRawChunks: true }).fullStream,
    )
    expect(raw.filter(({ type }) => type === 'raw')).toMatchObject([
      { rawValue: { tokenId: expect.any(Number) } },
      {},
    ])
  })

  it('comes with warnings of what has no effect', async () => {
    const { warnings } = await generateText({ ...greedy, maxOutputTokens: 1, topP: 0.5, seed: 1 })
    expect(warnings).toEqual([
      { type: 'unsupported', feature: 'topP', details: expect.stringContaining('temperature 0') },
      { type: 'unsupported', feature: 'seed', details: expect.any(String) },
    ])
  })
})

describe('reasoning', () => {
  it('is a part of its own, in which no stop sequence counts', async () => {
    const result = await generateText({ model: scripted, prompt: 'think', stopSequences: ['STOP'] })
    expect(result.content).toEqual([
      { type: 'reasoning', text: 'Two STOP two' },
      { type: 'text', text: 'Four. ' },
    ])
    const { outputTokens, outputTokenDetails } = result.usage
    expect(outputTokenDetails.reasoningTokens).toBeGreaterThan(5)
    expect(outputTokenDetails.textTokens).toBe(outputTokens! - outputTokenDetails.reasoningTokens!)
  })

  it('is streamed before the text', async () => {
    const parts = await collect(streamText({ model: scripted, prompt: 'think' }).fullStream)
    const types = parts.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1])
    expect(types).toEqual([
      ...['start', 'start-step'],
      ...['reasoning-start', 'reasoning-delta', 'reasoning-end', 'text-start', 'text-delta', 'text-end'],
      ...['finish-step', 'finish'],
    ])
  })

  it('stays in the text where it is not looked for, and comes before what a schema asks for', async () => {
    const plain = provider(folder.folder, { reasoning: 'off' })
    expect((await generateText({ model: plain, prompt: 'think' })).text).toContain('<think>')
    const schema = z.object({ sum: z.int() })
    const result = await generateText({
      ...{ model: scripted, prompt: 'json', output: Output.object({ schema }) },
    })
    expect([result.output, result.reasoningText]).toEqual([{ sum: 5 }, 'Hm'])
  })
})

describe('an object', () => {
  const schema = z.object({ kind: z.enum(['cat', 'dog']), age: z.int().min(0).max(20) })
  const ask = { ...greedy, maxOutputTokens: 100 }

  it('is what its schema describes', async () => {
    expect(schema.parse((await generateObject({ ...ask, schema })).object)).toBeDefined()
    const array = jsonSchema<{ name: string }>({
      ...{ type: 'object', required: ['name'], additionalProperties: false },
      properties: { name: { type: 'string', maxLength: 5 } },
    })
    const { output } = await generateText({ ...ask, output: Output.object({ schema: array }) })
    expect(output.name.length).toBeLessThanOrEqual(5)
    expect(await generateObject({ ...ask, output: 'enum', enum: ['yes', 'no'] })).toMatchObject({
      object: expect.stringMatching(/^(yes|no)$/),
    })
  })

  it('is streamed, and may be any', async () => {
    const result = streamText({ ...ask, output: Output.object({ schema }) })
    const partial = await collect(result.partialOutputStream)
    expect(partial.length).toBeGreaterThan(1)
    expect(partial.at(-1)).toEqual(await result.output)
    const any = await generateText({ model: scripted, prompt: 'any', output: Output.json() })
    expect(any.output).toEqual({ a: [1, 'two'] })
  })

  it('that no grammar describes is refused', async () => {
    const refused = [
      ['uniqueItems', { type: 'array', uniqueItems: true }],
      ['looks around', { type: 'string', pattern: '^(?!a)b' }],
    ] as const
    for (const [why, schema] of refused) {
      const output = Output.object({ schema: jsonSchema(schema) })
      const failure = await generateText({ ...ask, output }).catch((e) => e)
      expect(UnsupportedFunctionalityError.isInstance(failure)).toBe(true)
      expect(failure).toMatchObject({ functionality: 'the schema', message: expect.stringContaining(why) })
    }
  })
})

describe('a stream', () => {
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Once' }] }]

  it.each<[string, (stream: ReadableStream, stop: AbortController) => unknown]>([
    ['cancelled before it is read', (stream) => stream.cancel()],
    [
      'cancelled while it is read',
      async (stream) => {
        const reader = stream.getReader()
        expect((await reader.read()).value).toMatchObject({ type: 'stream-start' })
        await reader.cancel()
      },
    ],
    ['left alone when its call is aborted', (_, stop) => stop.abort()],
  ])('that is %s ends its answer', async (_, leave) => {
    await using model = await AutoModelForCausalLM.fromPretrained(demoModel, { threads: 1 })
    const generate = vi.spyOn(Object.getPrototypeOf(model) as CausalLM, 'generate')
    const stop = new AbortController()
    const { stream } = await demo.doStream({ prompt, abortSignal: stop.signal })
    await leave(stream, stop)
    await setImmediate()
    const pieces: AsyncGenerator = generate.mock.results[0]!.value
    generate.mockRestore()
    expect(await pieces.next()).toEqual({ done: true, value: undefined })
  })
})

describe('an abort', () => {
  it('ends a stream, and leaves the model to others', async () => {
    const stop = new AbortController()
    const { maxOutputTokens: _, ...long } = greedy
    const types: string[] = []
    for await (const { type } of streamText({ ...long, abortSignal: stop.signal }).fullStream) {
      types.push(type)
      if (type === 'text-delta') stop.abort()
    }
    expect(types.at(-1)).toBe('abort')
    expect(types.length).toBeLessThan(40)
    expect((await generateText(greedy)).text).not.toBe('')
  })

  it('ends a call, before and while the model is being loaded', async () => {
    await using others = createHfquant({ threads: 1 })
    const ask = { ...greedy, model: others(demoModel, { chatTemplate: '{{ messages[0].content }}' }) }
    const stop = new AbortController()
    const [left, stayed] = [generateText({ ...ask, abortSignal: stop.signal }), generateText(ask)]
    setTimeout(() => stop.abort())
    await expect(left).rejects.toMatchObject({ name: 'AbortError' })
    expect((await stayed).finishReason).toBe('length')
    await expect(generateText({ ...ask, abortSignal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })
})

describe('a model', () => {
  it('is quantized while it is loaded, and loaded anew when it has been released', async () => {
    await using others = createHfquant({ threads: 1, quantize: 'rtn-int4-g32' })
    const ask = {
      ...greedy,
      model: others(demoModel, { quantize: undefined, chatTemplate: '{{ messages[0].content }}' }),
    }
    const { text } = await generateText(ask)
    expect(text).not.toBe((await generateText(greedy)).text)
    const running = streamText({ ...ask, maxOutputTokens: 400, onError: () => {} })
    await running.textStream[Symbol.asyncIterator]().next()
    await others.dispose()
    await expect(running.finishReason).resolves.toBe('error')
    expect((await generateText(ask)).text).toBe(text)
  })
})
