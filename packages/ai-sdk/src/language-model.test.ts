import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  generateObject,
  generateText,
  InvalidArgumentError,
  InvalidPromptError,
  jsonSchema,
  type LanguageModel,
  type ModelMessage,
  NoSuchModelError,
  Output,
  stepCountIs,
  streamText,
  type ToolSet,
  tool,
  UnsupportedFunctionalityError,
} from 'ai'
import { AutoModelForCausalLM, HfquantError } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHfquant } from './index.js'
import { type ScriptedModel, scriptedModel } from './testing/scripted-model.fixture.js'

const CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 2, "b": 3}}\n</tool_call>'

// What is not honoured is looked for in the results.
globalThis.AI_SDK_LOG_WARNINGS = false

const provider = createHfquant({ threads: 1 })
let folder: ScriptedModel
/** Answers as its scripts say. */
let scripted: LanguageModel
/** The bundled model, that is no chat model. */
const demo = provider(demoModel, { chatTemplate: '{{ messages[-1].content }}', toolFormat: 'hermes' })
const greedy = { model: demo, temperature: 0, maxOutputTokens: 24, prompt: 'Once upon a time' }

beforeAll(async () => {
  folder = await scriptedModel({
    greet: 'Hello there. STOP and more',
    think: '<think>\nTwo STOP two\n</think>\n\nFour. STOP',
    add: `I add.\n${CALL}\n${CALL}`,
    '5': 'It is five.',
    half: 'Well: <tool_call>{"name": "add", "arguments": {"a": 2 STOP}</tool_call>',
    any: '{"a": [1, "two"]}',
    json: '<think>Hm</think>\n{"sum": 5}',
  })
  scripted = provider(folder.folder)
})
afterAll(async () => {
  await provider.dispose()
  await folder[Symbol.asyncDispose]()
})

const collect = async <T>(stream: AsyncIterable<T>): Promise<T[]> => {
  const parts: T[] = []
  for await (const part of stream) parts.push(part)
  return parts
}

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

describe('tools', () => {
  const add = tool({
    description: 'Adds two numbers.',
    inputSchema: z.object({ a: z.int(), b: z.int() }),
    execute: ({ a, b }) => a + b,
  })
  const pet = tool({
    inputSchema: z.object({ kind: z.enum(['cat', 'dog']) }),
    execute: ({ kind }) => kind,
  })

  it('are called, and answered in the next step', async () => {
    const result = await generateText({
      ...{ model: scripted, prompt: 'add', tools: { add }, stopWhen: stepCountIs(3) },
    })
    expect(result.steps.map(({ finishReason, text }) => [finishReason, text])).toEqual([
      ['tool-calls', 'I add.'],
      ['stop', 'It is five.'],
    ])
    expect(result.steps[0]!.toolResults.map(({ input, output }) => [input, output])).toEqual(
      Array(2).fill([{ a: 2, b: 3 }, 5]),
    )
    const ids = result.steps[0]!.toolCalls.map(({ toolCallId }) => toolCallId)
    expect(new Set(ids).size).toBe(2)
  })

  it('have inputs that are streamed as they are written', async () => {
    const options = { hfquant: { parallelToolCalls: false } }
    const result = streamText({ model: scripted, prompt: 'add', tools: { add }, providerOptions: options })
    const parts = await collect(result.fullStream)
    const inputs = parts.filter(({ type }) => type.startsWith('tool-input'))
    const id = (await result.toolCalls)[0]!.toolCallId
    expect(inputs[0]).toMatchObject({ type: 'tool-input-start', id, toolName: 'add' })
    expect(inputs.at(-1)).toMatchObject({ type: 'tool-input-end', id })
    expect(inputs.map((part) => ('delta' in part ? part.delta : '')).join('')).toBe('{"a": 2, "b": 3}')
    expect(inputs.length).toBeGreaterThan(5)
    // One call ends the answer, if there may be one only.
    expect(await result.toolResults).toMatchObject([{ toolCallId: id, output: 5 }])
    expect(await result.finishReason).toBe('tool-calls')
  })

  it.each([['required' as const], [{ type: 'tool' as const, toolName: 'pet' as const }]])(
    'are called for sure: %j',
    async (toolChoice) => {
      const tools: ToolSet = { pet, ...(toolChoice !== 'required' && { add }) }
      const { toolCalls, finishReason } = await generateText({
        ...{ ...greedy, maxOutputTokens: 100, tools, toolChoice },
        providerOptions: { hfquant: { parallelToolCalls: false } },
      })
      const input = { kind: expect.stringMatching(/^(cat|dog)$/) }
      expect(toolCalls).toMatchObject([{ toolName: 'pet', input }])
      expect(finishReason).toBe('tool-calls')
    },
  )

  it('that may not be called are not looked for; what is no call is text', async () => {
    const none = await generateText({ model: scripted, prompt: 'add', tools: { add }, toolChoice: 'none' })
    expect(none).toMatchObject({ toolCalls: [], text: `I add.\n${CALL}\n${CALL}`, finishReason: 'stop' })
    const half = { model: scripted, prompt: 'half', tools: { add }, stopSequences: ['STOP'] }
    const whole = await generateText(half)
    expect(whole).toMatchObject({ toolCalls: [], finishReason: 'stop' })
    expect(whole.text).toMatch(/^Well:.*<tool_call>\{"name": "add", "arguments": \{"a": 2 STOP\}/)
    const streamed = streamText(half)
    expect((await collect(streamed.textStream)).join('')).toBe(whole.text)
  })

  it('of a provider, and examples, are warned of', async () => {
    const search = { type: 'provider', id: 'web.search', name: 'search', args: {} } as const
    const examples = [{ input: { a: 1, b: 1 } }]
    const { warnings } = await generateText({
      ...{ ...greedy, maxOutputTokens: 1 },
      tools: { search: { ...search, inputSchema: jsonSchema({}) }, add: { ...add, inputExamples: examples } },
    })
    expect(warnings!.map((warning) => 'feature' in warning && warning.feature)).toEqual([
      'the tool web.search',
      'inputExamples of the tool add',
    ])
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
    const unique = jsonSchema({ type: 'array', uniqueItems: true })
    const failure = await generateText({ ...ask, output: Output.object({ schema: unique }) }).catch((e) => e)
    expect(UnsupportedFunctionalityError.isInstance(failure)).toBe(true)
    expect(failure).toMatchObject({
      functionality: 'the schema',
      message: expect.stringContaining('uniqueItems'),
    })
  })
})

describe('a stream', () => {
  it('that nobody reads to its end gives back its place', async () => {
    await using others = createHfquant({ threads: 1, maxSequences: 1 })
    const model = others(demoModel, { chatTemplate: '{{ messages[0].content }}' })
    const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Once' }] }]
    const { stream } = await model.doStream({ prompt })
    const reader = stream.getReader()
    expect((await reader.read()).value).toMatchObject({ type: 'stream-start' })
    await reader.cancel()
    expect((await generateText({ ...greedy, model })).finishReason).toBe('length')
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

describe('what is wrong with a call', () => {
  const error = (call: object, model: LanguageModel = demo): Promise<Error> =>
    generateText({ model, prompt: 'Hello', maxRetries: 0, ...call } as Parameters<
      typeof generateText
    >[0]).then(
      () => new Error('nothing was wrong'),
      (failure) => failure,
    )
  const image: ModelMessage[] = [
    { role: 'user', content: [{ type: 'image', image: new URL('https://example.invalid/cat.png') }] },
  ]

  it.each([
    ['a setting', { temperature: -1 }, InvalidArgumentError, /temperature/],
    ['an option', { providerOptions: { hfquant: { minp: 1 } } }, InvalidArgumentError, /minp.*minP/],
    [
      'the kind of an option',
      { providerOptions: { hfquant: { variables: 1 } } },
      InvalidArgumentError,
      /an object/,
    ],
    ['too long a prompt', { prompt: 'word '.repeat(600) }, InvalidPromptError, /tokens/],
    ['an empty stop sequence', { stopSequences: [''] }, InvalidArgumentError, /non-empty/],
    ['a file', { messages: image, prompt: undefined }, UnsupportedFunctionalityError, /prompt\[0\].*"file"/],
  ])('is told by an error of the AI SDK: %s', async (_, call, kind, message) => {
    const fetched = vi.spyOn(globalThis, 'fetch')
    const failure = await error(call)
    expect(failure.message).toMatch(message)
    expect(kind.isInstance(failure)).toBe(true)
    expect(fetched).not.toHaveBeenCalled()
    fetched.mockRestore()
  })

  it.each([
    ['no folder', './no-such-model', {}, NoSuchModelError, /no-such-model/],
    ['no chat template', demoModel, {}, UnsupportedFunctionalityError, /chat template/],
    [
      'a template that refuses',
      demoModel,
      { chatTemplate: '{{ raise_exception("no") }}' },
      InvalidPromptError,
      /no/,
    ],
    ['an unknown recipe', demoModel, { quantize: 'rtn-int' }, InvalidArgumentError, /rtn-int4/],
    ['an unknown setting', demoModel, { dtipe: 'float16' }, InvalidArgumentError, /dtipe/],
  ])('or with its model: %s', async (_, id, settings, kind, message) => {
    const failure = await error({}, provider(id, settings as object))
    expect(failure.message).toMatch(message)
    expect(kind.isInstance(failure)).toBe(true)
    expect(HfquantError.isInstance(failure.cause)).toBe(true)
  })

  it('or with how it is said to write calls', () => {
    expect(() => provider(demoModel, { toolFormat: 'qwen' as 'hermes' })).toThrow(
      /"qwen", expected one of hermes/,
    )
  })

  it('is told as the library does where no caller has said it', async () => {
    await using broken = await scriptedModel({})
    const config = join(broken.folder, 'config.json')
    await writeFile(
      config,
      (await readFile(config, 'utf8')).replace('"hidden_size": 256', '"hidden_size": -1'),
    )
    const failure = await error({}, provider(broken.folder))
    expect(failure).toMatchObject({ message: expect.stringContaining('hidden_size') })
    expect(HfquantError.isInstance(failure)).toBe(true)
  })

  it('or with its tools', async () => {
    const tools = { add: tool({ inputSchema: z.object({ a: z.number().multipleOf(3) }) }) }
    const plain = provider(demoModel, { chatTemplate: '{{ messages[0].content }}' })
    expect(await error({ tools }, plain)).toMatchObject({ functionality: 'tools' })
    expect(await error({ tools, toolChoice: 'required' })).toMatchObject({
      ...{ functionality: 'the schema', message: expect.stringContaining('multipleOf') },
    })
    expect(await error({ tools: { 'a b': tools.add } })).toMatchObject({ argument: 'tools[0].function.name' })
  })
})

describe('a model', () => {
  it('is quantized while it is loaded, and loaded anew when it has been released', async () => {
    await using others = createHfquant({ threads: 1, quantize: 'rtn-int4-g32' })
    const ask = { ...greedy, model: others(demoModel, { chatTemplate: '{{ messages[0].content }}' }) }
    const { text } = await generateText(ask)
    expect(text).not.toBe((await generateText(greedy)).text)
    const running = streamText({ ...ask, maxOutputTokens: 400, onError: () => {} })
    await running.textStream[Symbol.asyncIterator]().next()
    await others.dispose()
    await expect(running.finishReason).resolves.toBe('error')
    expect((await generateText(ask)).text).toBe(text)
  })
})
