/** The arguments of apply_chat_template in Python, as the judge gets them. */
export interface TemplateInput {
  readonly messages: readonly { readonly role: string; readonly [field: string]: unknown }[]
  readonly tools?: readonly object[]
  readonly documents?: readonly object[]
  readonly add_generation_prompt?: boolean
  readonly continue_final_message?: boolean
  readonly [variable: string]: unknown
}

const system = { role: 'system', content: 'You are terse.\nAnswer in French.' }
const user = (content: unknown) => ({ role: 'user', content })
const assistant = (content: unknown, more: object = {}) => ({ role: 'assistant', content, ...more })
const call = (name: string, args: unknown, id = 'abcdefghi') => ({
  id,
  type: 'function',
  function: { name, arguments: args },
})
const result = (content: unknown, name: string, id = 'abcdefghi') => ({
  role: 'tool',
  content,
  name,
  tool_call_id: id,
})

const tool = (name: string, properties: object, required: readonly string[], description?: string) => ({
  type: 'function',
  function: {
    name,
    ...(description !== undefined && { description }),
    parameters: { type: 'object', properties, required },
  },
})
const weather = tool(
  'get_weather',
  {
    city: { type: 'string', description: 'The city, e.g. "Paris" or l\'Île' },
    unit: { type: 'string', enum: ['celsius', 'fahrenheit'] },
    days: { type: 'integer', minimum: 1, default: 3 },
    fine: { type: 'boolean', default: false },
  },
  ['city'],
  'The weather <of> a city & more',
)
const search = tool(
  'search',
  {
    query: { type: ['string', 'null'] },
    filters: {
      type: 'object',
      properties: {
        tags: { type: 'array', items: { type: 'string' } },
        score: { type: 'number', maximum: 0.5 },
      },
      required: ['tags'],
    },
  },
  ['query', 'filters'],
  'Searches',
)
const plainTool = tool('now', {}, [])

const weatherCall = call('get_weather', { city: 'Zürich', unit: 'celsius', days: 2, fine: true })
const searchCall = call(
  'search',
  { query: null, filters: { tags: ['a', "it's"], score: 0.25, deep: { k: [] } } },
  'bcdefghij',
)
const chat = [user('Hello!'), assistant('Hi, how are you?'), user('Fine. What is 1 < 2 & "x"?')]
const thought = assistant('<think>\nHmm, let me see.\n</think>\n\nYes.')

/** Ordinary conversations of every kind that a template may meet, by name. */
export const CONVERSATIONS: { readonly [name: string]: TemplateInput } = {
  'one turn': { messages: [user('Hello')] },
  'one turn, prompt': { messages: [user('Hello')], add_generation_prompt: true },
  system: { messages: [system, user('Hi')], add_generation_prompt: true },
  'empty system': { messages: [{ role: 'system', content: '' }, user('Hi')], add_generation_prompt: true },
  turns: { messages: chat },
  'turns with system, prompt': { messages: [system, ...chat], add_generation_prompt: true },
  'answer at the end': { messages: [system, user('Hi'), assistant('Hello')] },
  'white space': {
    messages: [user('  a\n\n'), assistant('\n    return x\n'), user(' \tb ')],
    add_generation_prompt: true,
  },
  'characters of all kinds': {
    messages: [user('é 日本 😀 <tag> & "q" \'q\' {{ x }} {% y %}'), assistant('ß…'), user('\u2028?')],
  },
  'empty content': { messages: [user(''), assistant(''), user('x')], add_generation_prompt: true },
  'null content': { messages: [user('x'), assistant(null), user('y')], add_generation_prompt: true },
  'content in parts': {
    messages: [
      user([
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ]),
      assistant('c'),
      user('d'),
    ],
    add_generation_prompt: true,
  },
  'two users': { messages: [user('a'), user('b')], add_generation_prompt: true },
  'assistant first': { messages: [assistant('a'), user('b')], add_generation_prompt: true },
  developer: {
    messages: [{ role: 'developer', content: 'Be kind.' }, user('b')],
    add_generation_prompt: true,
  },
  'unknown role': { messages: [user('a'), { role: 'critic', content: 'b' }] },
  thinking: { messages: [user('a'), thought, user('b')], add_generation_prompt: true },
  'thinking switched on': { messages: [...chat], add_generation_prompt: true, enable_thinking: true },
  'thinking switched off': { messages: [...chat], add_generation_prompt: true, enable_thinking: false },
  'reasoning beside the answer': {
    messages: [user('a'), assistant('b', { reasoning_content: 'because\nso' }), user('c')],
    add_generation_prompt: true,
  },
  'a tool': { messages: chat, tools: [weather], add_generation_prompt: true },
  'system and tools': {
    messages: [system, user('Hi')],
    tools: [weather, search],
    add_generation_prompt: true,
  },
  'a tool without parameters': { messages: [user('Hi')], tools: [plainTool], add_generation_prompt: true },
  'no tools in the list': { messages: [user('Hi')], tools: [], add_generation_prompt: true },
  'a call and its result': {
    messages: [
      user('Weather?'),
      assistant('', { tool_calls: [weatherCall] }),
      result('{"t": 21}', 'get_weather'),
    ],
    tools: [weather],
    add_generation_prompt: true,
  },
  'a call with null content': {
    messages: [
      user('Weather?'),
      assistant(null, { tool_calls: [weatherCall] }),
      result('21', 'get_weather'),
      assistant('21 °C'),
    ],
    tools: [weather, search],
  },
  'a call without content': {
    messages: [
      user('Weather?'),
      { role: 'assistant', tool_calls: [weatherCall] },
      result('21', 'get_weather'),
    ],
    tools: [weather],
    add_generation_prompt: true,
  },
  'several calls': {
    messages: [
      system,
      user('Both?'),
      assistant('Let me look.', { tool_calls: [weatherCall, searchCall] }),
      result('{"t": 21, "ok": true}', 'get_weather'),
      result('none', 'search', 'bcdefghij'),
      assistant('Done.'),
      user('Thanks'),
    ],
    tools: [weather, search],
    add_generation_prompt: true,
  },
  'results as objects': {
    messages: [
      user('x'),
      assistant('', { tool_calls: [searchCall] }),
      result({ temperature: 21, ok: true, wind: null, rest: [1.5, 'a'] }, 'search', 'bcdefghij'),
    ],
    tools: [search],
    add_generation_prompt: true,
  },
  'results in parts': {
    messages: [
      user('x'),
      assistant('', { tool_calls: [searchCall] }),
      result([{ type: 'text', text: 'found' }], 'search', 'bcdefghij'),
    ],
    tools: [search],
  },
  'arguments as text': {
    messages: [
      user('x'),
      assistant('', { tool_calls: [call('get_weather', '{"city": "Paris"}')] }),
      result('y', 'get_weather'),
    ],
    tools: [weather],
  },
  'thinking, then a call': {
    messages: [
      user('x'),
      assistant('', { reasoning_content: 'I need it', tool_calls: [weatherCall] }),
      result('y', 'get_weather'),
      assistant('z', { reasoning_content: 'now I know' }),
    ],
    tools: [weather],
    add_generation_prompt: true,
  },
  documents: {
    messages: [system, user('What is in them?')],
    documents: [
      { title: 'One', text: 'First "text"', contents: 'First' },
      { title: 'Two', text: 'Second\nline', doc_id: 2, score: 0.5 },
    ],
    add_generation_prompt: true,
  },
  continue: { messages: [user('Write JSON'), assistant('{"a": ')], continue_final_message: true },
  'continue, spaces': {
    messages: [system, user('Go'), assistant(' Sure,\n\n')],
    continue_final_message: true,
  },
  'continue, in parts': {
    messages: [user('Go'), assistant([{ type: 'text', text: 'Once upon ' }])],
    continue_final_message: true,
  },
}
