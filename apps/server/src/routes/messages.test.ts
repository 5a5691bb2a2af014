import { describe, expect, it } from 'vitest'
import { type StubServer, stubServer } from '../testing/test-server.fixture.js'

const ask = (stub: StubServer, more: object = {}, path = '/v1/messages') =>
  stub.post(path, { model: 'stub', max_tokens: 10, messages: [{ role: 'user', content: 'Hello' }], ...more })

const eventsOf = (body: string) =>
  body
    .trimEnd()
    .split('\n\n')
    .map((frame) => {
      const [event, data] = frame.split('\n')
      const value = JSON.parse(data!.slice('data: '.length))
      expect(event).toBe(`event: ${value.type}`)
      return value
    })

describe("Anthropic's Messages", () => {
  it('are answered with blocks, and say why they end', async () => {
    await using stub = await stubServer({ pieces: ['Hel', 'lo', ''] })
    const answer = await ask(stub)
    expect(answer.json()).toEqual({
      ...{ id: expect.stringMatching(/^msg_/), type: 'message', role: 'assistant', model: 'stub' },
      content: [{ type: 'text', text: 'Hello' }],
      ...{ stop_reason: 'end_turn', stop_sequence: null },
      usage: {
        ...{ input_tokens: 12, output_tokens: 3 },
        ...{ cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
      },
    })
    expect(answer.headers['request-id']).toBe(answer.headers['x-request-id'])
    expect((await ask(stub, { max_tokens: 2 })).json()).toMatchObject({ stop_reason: 'max_tokens' })
  })

  it('are streamed as events with names', async () => {
    await using stub = await stubServer({ pieces: ['Hel', 'lo', ''] })
    const { body } = await ask(stub, { stream: true })
    const events = eventsOf(body)
    expect(events.map(({ type }) => type)).toEqual([
      ...['message_start', 'content_block_start', 'content_block_delta', 'content_block_delta'],
      ...['content_block_stop', 'message_delta', 'message_stop'],
    ])
    expect(events[2]).toEqual({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text: 'Hel' },
    })
    expect(events[5]).toMatchObject({ delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } })
  })

  it('become the messages that templates read', async () => {
    await using stub = await stubServer({ pieces: ['x'] })
    await ask(stub, {
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      thinking: { type: 'disabled' },
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Add' }] },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm', signature: '' },
            { type: 'tool_use', id: 't1', name: 'add', input: { a: 1 } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 't1', content: '2' },
            { type: 'text', text: 'And?' },
          ],
        },
      ],
    })
    expect(stub.watch.jobs[0]).toMatchObject({
      ...{ addGenerationPrompt: true, variables: { enable_thinking: false } },
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Add' },
        {
          ...{ role: 'assistant', content: null, reasoning_content: 'Hm' },
          tool_calls: [{ id: 't1', type: 'function', function: { name: 'add', arguments: { a: 1 } } }],
        },
        { role: 'tool', tool_call_id: 't1', content: '2' },
        { role: 'user', content: 'And?' },
      ],
    })
  })

  it('call tools and think in blocks of their own', async () => {
    const pieces = ['<think>Hm</think>', 'Well.', '<tool_call>{"name": "add", "arguments": ', '{"a": 1}}', '']
    await using stub = await stubServer({ chatTemplate: '{{ messages }}<tool_call></think>', pieces })
    const tools = [{ name: 'add', description: 'Adds', input_schema: { type: 'object' } }]
    const { content, stop_reason } = (await ask(stub, { tools })).json()
    expect(content).toEqual([
      { type: 'thinking', thinking: 'Hm', signature: '' },
      { type: 'text', text: 'Well.' },
      { type: 'tool_use', id: expect.stringMatching(/^call_/), name: 'add', input: { a: 1 } },
    ])
    expect(stop_reason).toBe('tool_use')
    expect(stub.watch.jobs[0]).toMatchObject({
      tools: [{ type: 'function', function: { name: 'add', parameters: { type: 'object' } } }],
    })
    const events = eventsOf((await ask(stub, { tools, stream: true })).body)
    const blocks = events.filter(({ type }) => type.startsWith('content_block'))
    expect(blocks.map(({ type, index }) => [type.slice('content_block_'.length), index])).toEqual([
      ...['start', 'delta', 'stop'].map((type) => [type, 0]),
      ...['start', 'delta', 'stop'].map((type) => [type, 1]),
      ...['start', 'delta', 'stop'].map((type) => [type, 2]),
    ])
    expect(blocks[1].delta).toEqual({ type: 'thinking_delta', thinking: 'Hm' })
    expect(blocks[6].content_block).toEqual({ ...content[2], id: expect.any(String), input: {} })
    expect(blocks[7].delta).toEqual({ type: 'input_json_delta', partial_json: '{"a": 1}' })
  })

  it('have a grammar where a tool is demanded, or a format', async () => {
    await using stub = await stubServer({ chatTemplate: '{{ messages }}<tool_call>', pieces: ['x'] })
    const tools = [{ name: 'add', input_schema: { type: 'object' } }]
    await ask(stub, { tools, tool_choice: { type: 'any' } })
    await ask(stub, { tools, tool_choice: { type: 'tool', name: 'add' } })
    await ask(stub, { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } })
    await ask(stub, { tools, tool_choice: { type: 'auto' } })
    expect(stub.watch.options.map(({ grammar }) => grammar !== undefined)).toEqual([true, true, true, false])
  })

  it('are counted without being answered', async () => {
    await using stub = await stubServer()
    const answer = await ask(stub, { max_tokens: undefined }, '/v1/messages/count_tokens')
    expect(answer.json()).toEqual({ input_tokens: 12 })
    expect(stub.watch.options).toEqual([])
    // No place in the queue bounds them: the thread for texts does.
    expect(stub.watch.unqueued).toBe(1)
    await ask(stub)
    expect(stub.watch.unqueued).toBe(1)
  })

  it.each([
    ['no limit', { max_tokens: null }, 400, 'invalid_request_error'],
    [
      'a picture',
      { messages: [{ role: 'user', content: [{ type: 'image' }] }] },
      400,
      'invalid_request_error',
    ],
    ['a container', { container: 'c' }, 400, 'invalid_request_error'],
    ['tools', { tools: [{ name: 'f', input_schema: {} }] }, 400, 'invalid_request_error'],
    [
      'a tool of a server',
      { tools: [{ type: 'bash_20250124', name: 'bash' }] },
      400,
      'invalid_request_error',
    ],
    ['an effort', { output_config: { effort: 'low' } }, 400, 'invalid_request_error'],
  ])('are refused for %s in the form of their API', async (_, more, status, type) => {
    await using stub = await stubServer()
    const answer = await ask(stub, more)
    expect([answer.statusCode, answer.json()]).toEqual([
      status,
      { type: 'error', error: { type, message: expect.any(String) }, request_id: expect.any(String) },
    ])
  })

  it('that fail in a stream end with an error event', async () => {
    await using stub = await stubServer({ failAt: { token: 2, error: new Error('no') } })
    const { body } = await ask(stub, { stream: true })
    expect(body).toMatch(/event: error\ndata: \{"type":"error","error":\{"type":"api_error"/)
    expect(body).not.toContain('message_stop')
  })
})
