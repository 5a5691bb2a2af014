import { compileGrammar, compileVocabulary, type GrammarSource, openGrammar } from '@hfquant/grammar'
import { describe, expect, test } from 'vitest'
import { collectAnswer } from './answer-event.js'
import { createAnswerReader } from './answer-reader.js'
import { TOOL_MARKERS, type ToolFormat } from './tool-format.js'
import { afterReasoning, type ToolGrammarOptions, toolGrammar } from './tool-grammar.js'
import { checkToolChoice, checkTools, type Tool } from './tools.js'

const tool = (name: string, properties: object, strict = false): Tool => ({
  type: 'function',
  function: {
    name,
    strict,
    parameters: { type: 'object', properties, required: Object.keys(properties) },
  },
})
const tools = [
  tool('add', { a: { type: 'integer', minimum: 0, maximum: 9 } }, true),
  tool('log', { level: { enum: ['low', 'high'] } }),
]

/** Every byte, markers as special tokens without bytes, an end. */
const MARKERS = [...Object.values(TOOL_MARKERS).flat(), '</think>']
const END = 256 + MARKERS.length
const vocabulary = compileVocabulary({
  size: END + 1,
  tokenBytes: (id) => (id < 256 ? Uint8Array.of(id) : undefined),
  endTokenIds: [END],
})
const specialTokenId = (marker: string) => {
  const index = MARKERS.indexOf(marker)
  return index === -1 ? undefined : 256 + index
}

/** An answer that the mask allows, chosen by a seed; prefers to end. */
function write(source: GrammarSource, seed: number, limit = 3000): string {
  const matcher = openGrammar(compileGrammar(source, vocabulary))
  let state = seed * 7919 + 1
  const bytes: number[] = []
  for (let count = 0; count < limit; count++) {
    const mask = matcher.mask()
    const ids = Array.from({ length: END + 1 }, (_, id) => id).filter(
      (id) => (mask[id >> 5]! >>> (id & 31)) & 1,
    )
    state = (state * 48_271) % 2_147_483_647
    const mayEnd = ids.includes(END) && count > 30
    const id = mayEnd ? END : ids[state % ids.length]!
    matcher.accept(id)
    if (id === END) return Buffer.from(bytes).toString()
    bytes.push(...(id < 256 ? [id] : Buffer.from(MARKERS[id - 256]!)))
  }
  return Buffer.from(bytes).toString()
}

/** True if exactly this text is a whole answer; markers are tokens where a token is expected. */
function admits(source: GrammarSource, text: string): boolean {
  const matcher = openGrammar(compileGrammar(source, vocabulary))
  for (let at = 0; at < text.length; ) {
    const marker = MARKERS.find((each) => text.startsWith(each, at))
    if (marker !== undefined && matcher.accept(specialTokenId(marker)!)) at += marker.length
    else if (!matcher.accept(text.charCodeAt(at++))) return false
  }
  return matcher.accept(END)
}

const options: Omit<ToolGrammarOptions, 'format' | 'choice'> = {
  ...{ tools, parallel: true, namesFirst: false },
  specialTokenId: () => undefined,
}

describe.each<[ToolFormat, boolean]>([
  ['hermes', false],
  ['llama3', false],
  ['mistral', false],
  ['mistral', true],
])('%s, names first: %s', (format, namesFirst) => {
  const read = (text: string) => {
    const reader = createAnswerReader({ tools: { format, names: ['add', 'log'] } })
    return collectAnswer([...reader.push(text), ...reader.end()])
  }

  test('whatever is written where calls are required is calls of the functions', () => {
    for (const markers of [specialTokenId, () => undefined]) {
      const source = toolGrammar({
        ...options,
        format,
        namesFirst,
        choice: 'required',
        specialTokenId: markers,
      })!
      for (let seed = 0; seed < 5; seed++) {
        const { toolCalls, content, toolFailures } = read(write(source, seed))
        expect([content, toolFailures]).toEqual(['', 0])
        expect(toolCalls.length).toBeGreaterThan(0)
        for (const call of toolCalls) {
          const value = JSON.parse(call.arguments)
          if (call.name === 'add') expect(value).toEqual({ a: expect.any(Number) })
          else expect(['low', 'high']).toContain(value.level)
        }
      }
    }
  })

  test('one function, once', () => {
    const choice = { type: 'function', function: { name: 'log' } } as const
    const source = toolGrammar({ ...options, format, namesFirst, choice, parallel: false })!
    const { toolCalls } = read(write(source, 1))
    expect(toolCalls.map(({ name }) => name)).toEqual(['log'])
  })
})

describe('auto', () => {
  const auto = { ...options, format: 'hermes', choice: 'auto' } as const

  test('constrains nothing where nothing is strict', () => {
    expect(toolGrammar({ ...auto, tools: tools.slice(1) })).toBeUndefined()
    expect(toolGrammar({ ...auto, choice: 'none' })).toBeUndefined()
  })

  test('leaves text free, and holds strict functions to their parameters', () => {
    const source = toolGrammar(auto)!
    const call = (name: string, value: string) =>
      `<tool_call>\n{"name": "${name}", "arguments": ${value}}\n</tool_call>`
    expect(admits(source, 'Nothing < to call.')).toBe(true)
    expect(admits(source, `Well: ${call('add', '{"a":1}')}\n${call('log', '{"any":[]}')}`)).toBe(true)
    expect(admits(source, `Well: ${call('add', '{"a":"one"}')}`)).toBe(false)
    expect(admits(source, `Well: ${call('sub', '{}')}`)).toBe(false)
  })

  test('of llama3 leaves text free that does not begin with a bracket', () => {
    const source = toolGrammar({ ...auto, format: 'llama3' })!
    expect(admits(source, 'Say {"name"} aloud')).toBe(true)
    expect(admits(source, '{"name": "add", "parameters": {"a":3}}')).toBe(true)
    expect(admits(source, '{"name": "add", "parameters": {"a":30}}')).toBe(false)
  })
})

test('a grammar begins behind reasoning', () => {
  const markers = { opener: '<think>', closer: '</think>' }
  const answer = { type: 'json_object' } as const
  const begun = afterReasoning(markers, true, () => undefined, answer)
  expect(['Hm.</think>\n\n{}', '</think>{}'].map((text) => admits(begun, text))).toEqual([true, true])
  expect(['{}', 'Hm.</think>', 'Hm.</think>x'].map((text) => admits(begun, text))).toEqual([
    false,
    false,
    false,
  ])
  const own = afterReasoning(markers, false, () => undefined, answer)
  expect(['{}', '<think>{</think>{}'].map((text) => admits(own, text))).toEqual([true, true])
  expect(admits(afterReasoning(markers, true, specialTokenId, answer), 'Hm.</think>{}')).toBe(true)
})

describe('tools are checked, with their place', () => {
  const named = (name: unknown, more: object = {}) => ({ type: 'function', function: { name, ...more } })
  test.each<[unknown, string]>([
    ['add', 'tools'],
    [Array(129).fill(named('a')), 'tools'],
    [[{ type: 'retrieval' }], 'tools[0].type'],
    [[named('a b')], 'tools[0].function.name'],
    [[named('a'), named('a')], 'tools[1].function.name'],
    [[named('a', { parameters: 'x' })], 'tools[0].function.parameters'],
    [[named('a', { description: 1 })], 'tools[0].function.description'],
    [[named('a', { strict: 1 })], 'tools[0].function.strict'],
    [[null], 'tools[0].type'],
  ])('%#', (value, field) => {
    expect(() => checkTools(value)).toThrow(expect.objectContaining({ code: 'TOOLS_INVALID', field }))
  })

  test('and so is the choice', () => {
    expect(() => checkTools(tools)).not.toThrow()
    for (const choice of ['none', 'auto', 'required', named('add')]) {
      expect(() => checkToolChoice(choice, tools)).not.toThrow()
    }
    for (const choice of ['any', null, named('sub'), { type: 'allowed_tools' }]) {
      expect(() => checkToolChoice(choice, tools)).toThrow(expect.objectContaining({ code: 'TOOLS_INVALID' }))
    }
    expect(() => checkToolChoice('required', [])).toThrow(/without tools/)
  })
})
