import { generateText, jsonSchema, type LanguageModel, stepCountIs, streamText, type ToolSet, tool } from 'ai'
import { demoModel } from 'hfquant/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHfquant } from './index.js'
import { collect } from './testing/collect.fixture.js'
import { type ScriptedModel, scriptedModel } from './testing/scripted-model.fixture.js'

globalThis.AI_SDK_LOG_WARNINGS = false

const CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 2, "b": 3}}\n</tool_call>'

const provider = createHfquant({ threads: 1 })
let folder: ScriptedModel
/** Answers as its scripts say. */
let scripted: LanguageModel
/** The bundled model, that is no chat model. */
const demo = provider(demoModel, { chatTemplate: '{{ messages[-1].content }}', toolFormat: 'hermes' })
const greedy = { model: demo, temperature: 0, maxOutputTokens: 24, prompt: 'Once upon a time' }

beforeAll(async () => {
  folder = await scriptedModel({
    add: `I add.\n${CALL}\n${CALL}`,
    '5': 'It is five.',
    half: 'Well: <tool_call>{"name": "add", "arguments": {"a": 2 STOP}</tool_call>',
  })
  scripted = provider(folder.folder)
})
afterAll(async () => {
  await provider.dispose()
  await folder[Symbol.asyncDispose]()
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
