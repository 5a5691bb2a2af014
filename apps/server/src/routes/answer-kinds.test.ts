import { describe, expect, it } from 'vitest'
import type { StubScript } from '../testing/stub-model.fixture.js'
import { framesOf, question, stubServer } from '../testing/test-server.fixture.js'

const CHAT = '/v1/chat/completions'
const HERMES = '{{ messages }}<tool_call>'
const add = {
  type: 'function',
  function: {
    name: 'add',
    parameters: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
  },
}
const CALL = ['Let me', ' see.\n', '<tool_call>', '\n{"name": "add", "argu', 'ments": {"a"', ': 1}', '}\n']
const CALLS = [...CALL, '</tool_call>', '\n<tool_call>{"name": "add", "arguments": {"a": 2}}</tool_call>', '']
const called = (a: number) => ({
  id: expect.stringMatching(/^call_[0-9a-f]{24}$/),
  ...{ type: 'function', function: { name: 'add', arguments: `{"a": ${a}}` } },
})

interface Chunk {
  readonly choices: readonly { readonly delta: Record<string, unknown>; readonly finish_reason: unknown }[]
}

async function ask(script: StubScript, more: object, options = {}) {
  await using stub = await stubServer(script, options)
  const answer = await stub.post(CHAT, question(more))
  const metrics = (await stub.get('/metrics')).body
  return { body: answer.json(), options: stub.watch.options, jobs: stub.watch.jobs, metrics }
}

async function deltas(script: StubScript, more: object) {
  await using stub = await stubServer(script)
  const { body } = await stub.post(CHAT, question({ ...more, stream: true }))
  return (framesOf(body).slice(1, -1) as Chunk[]).map(({ choices }) => choices[0]!)
}

describe('calls of functions', () => {
  const script = { chatTemplate: HERMES, pieces: CALLS }

  it('are answered as calls, with the text before them as content', async () => {
    const { body, jobs } = await ask(script, { tools: [add] })
    expect(body.choices[0]).toEqual({
      ...{ index: 0, finish_reason: 'tool_calls', logprobs: null },
      message: {
        ...{ role: 'assistant', content: 'Let me see.', refusal: null },
        tool_calls: [called(1), called(2)],
      },
    })
    expect(jobs[0]).toMatchObject({ kind: 'chat', tools: [add] })
    const alone = await ask({ ...script, pieces: CALLS.slice(2) }, { tools: [add] })
    expect(alone.body.choices[0].message.content).toBeNull()
  })

  it('are streamed with their name first, and arguments as they are written', async () => {
    const [first, ...rest] = await deltas(script, { tools: [add], parallel_tool_calls: false })
    expect(first!.delta).toEqual({ content: 'Let me' })
    expect(rest.map(({ delta }) => delta)).toEqual([
      { content: ' see.' },
      { tool_calls: [{ ...called(0), index: 0, function: { name: 'add', arguments: '' } }] },
      ...['{"a"', ': 1}'].map((text) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] })),
      {},
    ])
    expect(rest.at(-1)!.finish_reason).toBe('tool_calls')
  })

  it('end the answer after the first one unless they may be parallel', async () => {
    const { body } = await ask(script, { tools: [add], parallel_tool_calls: false })
    expect(body.choices[0].message.tool_calls).toEqual([called(1)])
    expect(body.usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 7 })
  })

  it('that are none are content, and counted', async () => {
    const written = '<tool_call>{"name": "subtract", "arguments": {}}</tool_call>'
    const { body, metrics } = await ask({ ...script, pieces: ['Well: ', written, ''] }, { tools: [add] })
    expect(body.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: expect.stringContaining(written.slice(0, 48)) },
    })
    expect(body.choices[0].message).not.toHaveProperty('tool_calls')
    expect(metrics).toContain('hfquant_tool_parse_failures_total{model_name="stub"} 1')
  })

  it('have arguments in which no stop string counts', async () => {
    const { body, options } = await ask(script, { tools: [add], stop: ['"a"', 'END'] })
    expect(body.choices[0].message.tool_calls).toHaveLength(2)
    expect(options[0]).not.toHaveProperty('stop')
    const cut = await ask({ ...script, pieces: ['On', 'eEN', 'Dtwo', ''] }, { tools: [add], stop: 'END' })
    expect(cut.body).toMatchObject({
      choices: [{ finish_reason: 'stop', message: { content: 'One' } }],
      usage: { completion_tokens: 3 },
    })
  })

  it('are not looked for when none may be made, and not shown to the template', async () => {
    const { body, jobs } = await ask(script, { tools: [add], tool_choice: 'none' })
    expect(body.choices[0]).toMatchObject({
      ...{ finish_reason: 'stop', message: { content: CALLS.join('') } },
    })
    expect(jobs[0]).toMatchObject({ kind: 'chat', tools: undefined })
  })

  it.each([
    ['required', 'required'],
    ['named', { type: 'function', function: { name: 'add' } }],
  ])('that are %s are the grammar of the answer', async (_, choice) => {
    const { jobs, options } = await ask(script, { tools: [add], tool_choice: choice })
    expect(options[0]).toHaveProperty('grammar.automaton')
    expect(JSON.stringify(jobs)).toContain('{\\"name\\": \\"add\\", \\"arguments\\": ')
    const free = await ask(script, { tools: [{ ...add, function: { ...add.function, description: null } }] })
    expect(free.jobs[0]).toMatchObject({ tools: [add] })
    expect(free.options[0]).not.toHaveProperty('grammar')
  })
})

describe('reasoning', () => {
  const script = {
    chatTemplate: '{{ messages }}</think>',
    pieces: ['<think>', '\nHm', ' so.\n', '</think>', '\n\n', 'Yes', '.', ''],
  }

  it('has a field and a count of its own, and no log-probabilities', async () => {
    const { body } = await ask(script, { logprobs: true })
    expect(body.choices[0].message).toEqual({
      ...{ role: 'assistant', content: 'Yes.', refusal: null, reasoning: 'Hm so.' },
    })
    expect(body.choices[0].logprobs.content.map(({ token }: { token: string }) => token)).toEqual([
      ...['Yes', '.'],
    ])
    expect(body.usage.completion_tokens_details).toEqual({ reasoning_tokens: 4 })
  })

  it('is streamed in its field, whichever that is', async () => {
    expect((await deltas(script, {})).map(({ delta }) => delta)).toEqual([
      ...[{ reasoning: 'Hm' }, { reasoning: ' so.' }, { content: 'Yes' }, { content: '.' }, {}],
    ])
    const { body } = await ask(script, {}, { reasoningField: 'both' })
    expect(body.choices[0].message).toMatchObject({ reasoning: 'Hm so.', reasoning_content: 'Hm so.' })
    const off = await ask(script, {}, { reasoning: 'off' })
    expect(off.body.choices[0].message.content).toBe(script.pieces.join(''))
  })

  it('begins before the answer where the template has opened it, and may not end', async () => {
    const begun = { ...script, promptEnd: '<think>\n', pieces: ['Hm', ' so.', ' And'] }
    const { body } = await ask(begun, { max_tokens: 2, stop: 'so' })
    expect(body.choices[0]).toMatchObject({
      ...{ finish_reason: 'length', message: { content: '', reasoning: 'Hm so.' } },
    })
  })

  it('comes before what a format asks for', async () => {
    const { jobs } = await ask(
      { ...script, promptEnd: '<think>\n' },
      { response_format: { type: 'json_object' } },
    )
    expect(jobs.at(-1)).toMatchObject({
      kind: 'grammar',
      source: {
        type: 'sequence',
        parts: [{ type: 'sequence', parts: [{ type: 'free', until: '</think>' }, {}, {}] }, {}],
      },
    })
  })
})

describe('a format of the answer', () => {
  const schema = { type: 'object', properties: { a: { type: 'integer' } } }

  it.each([
    ['json_object', { type: 'json_object' }, { type: 'json_object' }],
    [
      'json_schema',
      { type: 'json_schema', json_schema: { name: 'x', schema, strict: true } },
      { type: 'json_schema', schema },
    ],
    ['regex', { type: 'regex', pattern: '[a-z]+' }, { type: 'regex', pattern: '[a-z]+' }],
  ])('%s is compiled away from the main thread, and given to the model', async (_, format, source) => {
    await using stub = await stubServer({ pieces: ['x'] })
    await stub.post(CHAT, question({ response_format: format }))
    await stub.post('/v1/completions', { model: 'stub', prompt: 'x', response_format: format })
    for (const options of stub.watch.options) expect(options).toHaveProperty('grammar.automaton')
    expect(stub.watch.jobs.filter(({ kind }) => kind === 'grammar')).toMatchObject([{ source }, { source }])
  })

  it('leaves the model the choice between that and a call', async () => {
    const format = { type: 'json_schema', json_schema: { name: 'x', schema } }
    const { jobs } = await ask(
      { chatTemplate: HERMES, pieces: ['{}', ''] },
      { response_format: format, tools: [add] },
    )
    expect(jobs.at(-1)).toMatchObject({
      source: { type: 'choice', options: [{ type: 'json_schema', schema }, { type: 'repeat' }] },
    })
  })
})
