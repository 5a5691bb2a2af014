import { describe, expect, test } from 'vitest'
import { compileChatTemplate } from '../tokenizer/chat-template.js'
import { type AnswerEvent, type ChatAnswer, collectAnswer } from './answer-event.js'
import { type AnswerReaderOptions, createAnswerReader } from './answer-reader.js'
import { findReasoning } from './reasoning.js'
import { findToolFormat, type ToolFormat } from './tool-format.js'

const names = ['get_weather', 'add']

/** The events of an answer that comes in pieces of so many characters. */
function read(options: AnswerReaderOptions, text: string, size = text.length): AnswerEvent[] {
  const reader = createAnswerReader(options)
  const events: AnswerEvent[] = []
  for (let at = 0; at < text.length; at += size) events.push(...reader.push(text.slice(at, at + size)))
  return [...events, ...reader.end()]
}

/** The answer, which must not depend on the sizes of pieces; without ids, which are random. */
function answer(options: AnswerReaderOptions, text: string) {
  const all = [text.length, 1, 2, 3, 7].map((size) => withoutIds(collectAnswer(read(options, text, size))))
  for (const one of all) expect(one).toEqual(all[0])
  return all[0]!
}

const withoutIds = ({ toolCalls, ...rest }: ChatAnswer) => ({
  ...rest,
  toolCalls: toolCalls.map((call) => [call.name, call.arguments]),
})

const WEATHER = '{"city": "Kraków", "days": [1, {"a": "}"}]}'
const ADD = '{"a": 1,  "b": 2}'
const both = [
  ['get_weather', WEATHER],
  ['add', ADD],
]
const none = { content: '', reasoning: '', toolFailures: 0 }

/** An answer of each format, whole, with text around its calls. */
const transcripts: { readonly [name: string]: readonly [ToolFormat, string, string] } = {
  hermes: [
    'hermes',
    `I will look.\n\n<tool_call>\n{"name": "get_weather", "arguments": ${WEATHER}}\n</tool_call>\n<tool_call>\n{"name": "add", "arguments": ${ADD}}\n</tool_call>\n`,
    'I will look.',
  ],
  'hermes without its last closer': [
    'hermes',
    `<tool_call>{"name":"get_weather","arguments":${WEATHER}}</tool_call> and <tool_call>{"name":"add","arguments":${ADD}}`,
    '',
  ],
  'hermes with arguments first': [
    'hermes',
    `<tool_call>{"arguments": ${WEATHER}, "name": "get_weather"}</tool_call><tool_call>{"x": 1, "name": "add", "arguments": ${ADD}}</tool_call>`,
    '',
  ],
  llama3: [
    'llama3',
    `<|python_tag|>{"name": "get_weather", "parameters": ${WEATHER}}; {"name": "add", "parameters": ${ADD}}`,
    '',
  ],
  'llama3 without its tag': [
    'llama3',
    `{"type": "function", "name": "get_weather", "parameters": ${WEATHER}};{"name": "add", "parameters": ${ADD}} done`,
    '',
  ],
  'mistral, a list': [
    'mistral',
    `[TOOL_CALLS] [{"name": "get_weather", "arguments": ${WEATHER}}, {"name": "add", "arguments": ${ADD}, "id": "abcdefgh1"}]`,
    '',
  ],
  'mistral, names before arguments': [
    'mistral',
    `Wait. [TOOL_CALLS]get_weather[CALL_ID]abc123XYZ[ARGS]${WEATHER}[TOOL_CALLS]add[ARGS]${ADD}`,
    'Wait.',
  ],
}

describe.each(Object.entries(transcripts))('calls of %s', (_, [format, text, content]) => {
  const tools = { format, names }

  test('are found, with their arguments as written, in pieces of any size', () => {
    expect(answer({ tools }, text)).toEqual({ ...none, content, toolCalls: both })
  })

  test('are events: a beginning, pieces of arguments, an end', () => {
    const events = read({ tools }, text, 3).filter(({ type }) => type !== 'content')
    const kinds = events.map(({ type }) => type).filter((type, at, all) => type !== all[at - 1])
    expect(kinds).toEqual([
      'tool-call',
      'tool-arguments',
      'tool-call-end',
      'tool-call',
      'tool-arguments',
      'tool-call-end',
    ])
    const ids = events.flatMap((event) => (event.type === 'tool-call' ? [event.id] : []))
    expect(new Set(ids).size).toBe(2)
    for (const id of ids)
      expect(id).toMatch(format === 'mistral' ? /^[A-Za-z0-9]{9}$/ : /^call_[0-9a-f]{24}$/)
  })
})

test('arguments are passed on while they are written', () => {
  const reader = createAnswerReader({ tools: { format: 'hermes', names } })
  expect(reader.push('Well <tool_call>{"name": "add", "argu').map(({ type }) => type)).toEqual(['content'])
  expect(reader.place).toBe('call')
  expect(reader.push('ments": {"a').map(({ type }) => type)).toEqual(['tool-call', 'tool-arguments'])
  expect(reader.push('": 1')).toEqual([{ type: 'tool-arguments', index: 0, text: '": 1' }])
  expect(reader.push('}}').map(({ type }) => type)).toEqual(['tool-arguments', 'tool-call-end'])
})

test('an id that Mistral writes is kept', () => {
  const [call] = collectAnswer(
    read({ tools: { format: 'mistral', names } }, '[TOOL_CALLS]add[CALL_ID]abc123XYZ[ARGS]{}'),
  ).toolCalls
  expect(call?.id).toBe('abc123XYZ')
})

describe('what is no call is content, as written', () => {
  test.each<[ToolFormat, string, number]>([
    ['hermes', 'plain text with a < and a <tool', 0],
    ['hermes', '  white space \n', 0],
    ['hermes', '<tool_call>\n{"name": "unknown", "arguments": {}}\n</tool_call>', 1],
    ['hermes', '<tool_call>add(1, 2)</tool_call>', 1],
    ['hermes', '<tool_call>\n{"name": "add", "arguments": [1]}\n</tool_call> more', 1],
    ['hermes', '<tool_call>\n{"name": "add", "arguments": {"a": nothing}}\n</tool_call> more', 1],
    ['hermes', '<tool_call>\n{"name": "add", "arguments": {"a": 1', 1],
    ['hermes', '<tool_call>\n', 1],
    ['llama3', '{"answer": 42} is what I think', 0],
    ['llama3', 'The call {"name": "add", "parameters": {}} would do', 0],
    ['llama3', '{"name": "unknown", "parameters": {}}', 1],
    ['llama3', '<|python_tag|>print(1)', 1],
    ['llama3', '<|python', 0],
    ['mistral', '[TOOL_CALLS]unknown[ARGS]{}', 1],
    ['mistral', '[TOOL_CALLS] [1]', 1],
    ['mistral', '[TOOL_CALLS]add', 1],
  ])('%s: %s', (format, text, failures) => {
    expect(answer({ tools: { format, names } }, text)).toEqual({
      ...none,
      content: text,
      toolCalls: [],
      toolFailures: failures,
    })
  })
})

describe('reasoning', () => {
  const markers = { opener: '<think>', closer: '</think>' }
  const begun = { reasoning: { markers, begun: true } }
  const own = { reasoning: { markers, begun: false } }

  test.each([
    ['after a prompt that begins it', begun, '\nHm, <b>.\n\n</think>\n\nYes. ', 'Hm, <b>.', 'Yes. '],
    ['that the answer begins', own, '\n<think>Hm.</think>Yes.', 'Hm.', 'Yes.'],
    ['in the middle of an answer, which is none', own, 'A <think>b</think>', '', 'A <think>b</think>'],
    ['that is never closed', begun, 'Hm. </thi', 'Hm. </thi', ''],
    ['that is empty', own, '<think>\n\n</think>\n\nYes', '', 'Yes'],
    ['of an answer that is none', own, ' <thi', '', ' <thi'],
  ])('%s', (_, options, text, reasoning, content) => {
    expect(answer(options, text)).toEqual({ ...none, reasoning, content, toolCalls: [] })
  })

  test('calls begin behind it', () => {
    const tools = { format: 'hermes', names } as const
    const call = `<tool_call>{"name": "add", "arguments": ${ADD}}</tool_call>`
    expect(answer({ ...begun, tools }, `maybe ${call} </think> ${call}`)).toEqual({
      ...none,
      reasoning: `maybe ${call}`,
      toolCalls: [['add', ADD]],
    })
  })

  test('is found by its tokens, or by the template', () => {
    expect(findReasoning(undefined, (text) => /^\[\/?THINK\]$/.test(text))?.closer).toBe('[/THINK]')
    expect(findReasoning("{{ x.split('</think>')[-1] }}", () => false)).toEqual(markers)
    expect(findReasoning('{{ x }}', (text) => text === '<think>')).toBeUndefined()
  })
})

/** How the families write a call that was made, in short. */
const templates: { readonly [format in ToolFormat]: string } = {
  hermes:
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for c in m.tool_calls %}<tool_call>\n{{ {'name': c.function.name, 'arguments': c.function.arguments} | tojson }}\n</tool_call>{% if not loop.last %}\n{% endif %}{% endfor %}<|im_end|>{% endfor %}",
  llama3:
    '{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{% for c in m.tool_calls %}{{ \'{"name": "\' + c.function.name + \'", \' }}{{ \'"parameters": \' }}{{ c.function.arguments | tojson }}{{ "}" }}{% if not loop.last %}; {% endif %}{% endfor %}{% if false %}ipython{% endif %}<|eot_id|>{% endfor %}',
  mistral:
    "{% for m in messages %}[TOOL_CALLS][{% for c in m.tool_calls %}{{ {'name': c.function.name, 'arguments': c.function.arguments, 'id': c.id} | tojson }}{% if not loop.last %}, {% endif %}{% endfor %}]{{ eos_token }}{% endfor %}",
}

describe('a call that a template renders is read back', () => {
  test.each(Object.entries(templates))('%s', (format, template) => {
    expect(findToolFormat(template)).toBe(format)
    const calls = both.map(([name, text], index) => ({
      id: `abcdefgh${index}`,
      function: { name, arguments: JSON.parse(text!) },
    }))
    const text = compileChatTemplate(template)({
      messages: [{ role: 'assistant', tool_calls: calls }],
      addGenerationPrompt: false,
      continueFinalMessage: false,
      tools: undefined,
      documents: undefined,
      variables: { eos_token: '</s>' },
      now: new Date(0),
    })
    const written = text.replace(/^<\|.*?\|>\w*(?:<\|.*?\|>)?\s*/, '').replace(/<\|[a-z_]+\|>$|<\/s>$/, '')
    const { toolCalls } = answer({ tools: { format: format as ToolFormat, names } }, written)
    expect(toolCalls.map(([name, value]) => [name, JSON.parse(value!)])).toEqual(
      both.map(([name, value]) => [name, JSON.parse(value!)]),
    )
  })

  test('other formats are told apart', () => {
    expect(findToolFormat('<tool_call><function=x>')).toBeUndefined()
    expect(findToolFormat('{{ messages }}')).toBeUndefined()
  })
})
