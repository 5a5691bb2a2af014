import { describe, expect, it } from 'vitest'
import { OLLAMA_STREAM } from '../ollama/ollama-answer.js'
import { type StubServer, stubServer } from '../testing/test-server.fixture.js'

const hello = { model: 'stub', messages: [{ role: 'user', content: 'Hello' }] }
const chat = (stub: StubServer, more: object = {}) => stub.post('/api/chat', { ...hello, ...more })
const generate = (stub: StubServer, more: object = {}) =>
  stub.post('/api/generate', { model: 'stub', prompt: 'Hello', ...more })

/** Every line but for its time, which is one. */
const linesOf = (body: string) =>
  body
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { created_at, ...rest } = JSON.parse(line)
      expect(new Date(created_at).toISOString()).toBe(created_at)
      return rest
    })

const duration = expect.any(Number)
const END = {
  ...{ model: 'stub', done: true, done_reason: 'stop', total_duration: duration, load_duration: duration },
  ...{ prompt_eval_count: 12, prompt_eval_duration: duration, eval_count: 3, eval_duration: duration },
}

describe('a chat of Ollama', () => {
  it('is streamed in lines unless it is asked for whole, and ends with what it took', async () => {
    await using stub = await stubServer({ pieces: ['Hel', 'lo', ''] })
    const streamed = await chat(stub)
    expect(streamed.headers['content-type']).toBe('application/x-ndjson')
    const message = (content: string) => ({ message: { role: 'assistant', content } })
    expect(linesOf(streamed.body)).toEqual([
      { model: 'stub', ...message('Hel'), done: false },
      { model: 'stub', ...message('lo'), done: false },
      { ...END, ...message('') },
    ])
    const [whole] = linesOf((await chat(stub, { stream: false })).body)
    expect(whole).toEqual({ ...END, ...message('Hello') })
    // Nanoseconds, which the parts add up to.
    const { total_duration, load_duration, prompt_eval_duration, eval_duration } = whole
    expect(Number.isInteger(total_duration)).toBe(true)
    expect(Math.abs(load_duration + prompt_eval_duration + eval_duration - total_duration)).toBeLessThan(4)
    const cut = await chat(stub, { stream: false, options: { num_predict: 2 } })
    expect(cut.json()).toMatchObject({ done_reason: 'length', eval_count: 2 })
  })

  it('says all options to the model, and names those that it does not know', async () => {
    await using stub = await stubServer({ pieces: ['x'], contextLength: 100 })
    const options = {
      ...{ num_predict: 7, temperature: 0.5, top_k: 9, top_p: 0.9, min_p: 0.1, seed: 5, stop: ['END'] },
      ...{ repeat_penalty: 1.1, presence_penalty: 1, frequency_penalty: -1 },
      ...{ num_ctx: 2048, mirostat: 1 },
    }
    const answer = await chat(stub, { options, truncate: true })
    expect(answer.headers['x-hfquant-ignored']).toBe('truncate, num_ctx, mirostat')
    await chat(stub, { options: { seed: -1, num_predict: -1, temperature: 0 } })
    const [said, free] = stub.watch.options
    expect(said).toMatchObject({
      ...{ maxNewTokens: 7, temperature: 0.5, topK: 9, topP: 0.9, minP: 0.1, seed: 5, stop: ['END'] },
      ...{ repetitionPenalty: 1.1, presencePenalty: 1, frequencyPenalty: -1 },
    })
    expect(free).toMatchObject({ doSample: false, maxNewTokens: 88 })
  })

  it('becomes the messages that templates read, with ids of calls where there are none', async () => {
    await using stub = await stubServer({ pieces: ['x'] })
    const call = (name: string, more: object = {}) => ({ ...more, function: { name, arguments: { a: 1 } } })
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Add', images: [] },
      {
        role: 'assistant',
        content: '',
        thinking: 'Hm',
        tool_calls: [call('add'), call('sub', { id: 'own' })],
      },
      { role: 'tool', content: '0', tool_name: 'sub' },
      { role: 'tool', content: '2', tool_name: 'add' },
    ]
    await chat(stub, { messages, think: false })
    await chat(stub, { messages: [...hello.messages, { role: 'assistant', content: 'Well,' }], think: 'low' })
    const [job, begun] = stub.watch.jobs
    expect(job).toMatchObject({
      ...{ addGenerationPrompt: true, variables: { enable_thinking: false } },
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Add' },
        {
          ...{ role: 'assistant', content: null, reasoning_content: 'Hm' },
          tool_calls: [
            { id: 'call00000', type: 'function', function: { name: 'add', arguments: { a: 1 } } },
            { id: 'own', type: 'function', function: { name: 'sub', arguments: { a: 1 } } },
          ],
        },
        { role: 'tool', content: '0', name: 'sub', tool_call_id: 'own' },
        { role: 'tool', content: '2', name: 'add', tool_call_id: 'call00000' },
      ],
    })
    expect(begun).toMatchObject({ continueFinalMessage: true, variables: { reasoning_effort: 'low' } })
  })

  it('tells calls when they are complete, with their arguments, and thinking apart', async () => {
    const pieces = ['<think>Hm</think>', 'Well.', '<tool_call>{"name": "add", "arguments": ', '{"a": 1}}', '']
    await using stub = await stubServer({ chatTemplate: '{{ messages }}<tool_call></think>', pieces })
    const tools = [{ type: 'function', function: { name: 'add', parameters: { type: 'object' } } }]
    const tool_calls = [
      { id: expect.stringMatching(/^call_/), function: { name: 'add', arguments: { a: 1 } } },
    ]
    const { message, done_reason } = (await chat(stub, { tools, stream: false })).json()
    expect([message, done_reason]).toEqual([
      { role: 'assistant', content: 'Well.', thinking: 'Hm', tool_calls },
      'stop',
    ])
    const lines = linesOf((await chat(stub, { tools })).body)
    expect(lines.map((line) => line.message)).toEqual([
      { role: 'assistant', content: '', thinking: 'Hm' },
      { role: 'assistant', content: 'Well.' },
      { role: 'assistant', content: '', tool_calls },
      { role: 'assistant', content: '' },
    ])
    const broken = ['<tool_call>{"name": "add", "arguments": {"a"', ': }', ' </tool_call>', '']
    await using other = await stubServer({ chatTemplate: '{{ messages }}<tool_call>', pieces: broken })
    const texts = linesOf((await chat(other, { tools })).body).map((line) => line.message)
    expect(texts.map(({ content }) => content).join('')).toContain('{"a": }')
    expect(JSON.stringify(texts)).not.toContain('tool_calls')
  })

  it('has a grammar where a format is given, and log-probabilities where they are asked for', async () => {
    await using stub = await stubServer({ pieces: ['x', 'y', ''] })
    const logprobs = { logprobs: true, top_logprobs: 1 }
    for (const format of ['json', { type: 'object' }, '']) await chat(stub, { format, ...logprobs })
    expect(stub.watch.options.map(({ grammar }) => grammar !== undefined)).toEqual([true, true, false])
    const { body } = await chat(stub, { ...logprobs, stream: false })
    expect(JSON.parse(body).logprobs).toMatchObject([{ token: 'x', logprob: -1, top_logprobs: [{}] }, {}])
    const lines = linesOf((await chat(stub, logprobs)).body)
    expect(lines.map((line) => line.logprobs?.[0].token)).toEqual(['x', 'y', undefined])
  })

  it('is kept open by what no client reads', () => {
    const { keepAliveFrame, frame } = OLLAMA_STREAM
    const lines = keepAliveFrame + frame({ done: false }) + keepAliveFrame + frame({ done: true })
    expect(
      lines
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    ).toEqual([{ done: false }, { done: true }])
  })

  it('that fails ends with a line of the error, and without an end', async () => {
    await using stub = await stubServer({ failAt: { token: 2, error: new Error('no') } })
    const lines = (await chat(stub)).body.trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    expect(JSON.parse(lines[1]!)).toEqual({ error: expect.stringContaining('the server failed') })
  })
})

describe('a text of Ollama', () => {
  it('is the answer to a message, or the rest of a raw prompt', async () => {
    await using stub = await stubServer({ pieces: ['Hel', 'lo', ''] })
    const lines = linesOf((await generate(stub, { system: 'Be brief.' })).body)
    expect(lines).toEqual([
      { model: 'stub', response: 'Hel', done: false },
      { model: 'stub', response: 'lo', done: false },
      { ...END, response: '', prompt_eval_count: 30 },
    ])
    const raw = await generate(stub, { raw: true, stream: false })
    expect(raw.json()).toMatchObject({ response: 'Hello', prompt_eval_count: 5 })
    expect(stub.watch.jobs).toMatchObject([
      {
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hello' },
        ],
      },
      { kind: 'text', text: 'Hello', addSpecialTokens: true },
    ])
  })

  it('needs no template, as long as there is no message of the system', async () => {
    await using stub = await stubServer({ chatTemplate: undefined, pieces: ['x'] })
    expect((await generate(stub)).statusCode).toBe(200)
    await generate(stub, { system: 'Be brief.' })
    expect(stub.watch.jobs.map(({ kind }) => kind)).toEqual(['text', 'chat'])
  })
})

describe('a request that asks nothing', () => {
  it('loads the model, or unloads it', async () => {
    await using stub = await stubServer({}, { load: 'lazy' })
    const state = async () => (await stub.get('/v1/models/stub')).json().x_state
    const message = { role: 'assistant', content: '' }
    expect(linesOf((await chat(stub, { messages: [] })).body)).toEqual([
      { model: 'stub', message, done: true, done_reason: 'load' },
    ])
    expect(await state()).toBe('loaded')
    const end = await generate(stub, { prompt: '', keep_alive: 0 })
    expect(end.json()).toMatchObject({ response: '', done: true, done_reason: 'unload' })
    expect([await state(), stub.watch.options]).toEqual(['unloaded', []])
  })
})

describe('what Ollama is refused', () => {
  it.each([
    ['no model', { model: undefined }, 400, 'model is missing'],
    ['a text as options', { options: 'x' }, 400, 'options'],
    ['a temperature out of range', { options: { temperature: 3 } }, 400, 'options.temperature is 3'],
    ['a format', { format: 'xml' }, 400, 'format'],
    ['a schema that is a list', { format: [] }, 400, 'format'],
    ['a picture', { messages: [{ role: 'user', content: '', images: ['aGk='] }] }, 400, 'images'],
    ['tools', { tools: [{ type: 'function', function: { name: 'f' } }] }, 400, '--tool-format'],
    ['a duration', { keep_alive: 'soon' }, 400, 'keep_alive'],
    ['a role', { messages: [{ role: 'king', content: '' }] }, 400, 'messages[0].role'],
  ])('is %s, in its own form', async (_, more, status, message) => {
    await using stub = await stubServer()
    const answer = await chat(stub, more)
    expect([answer.statusCode, answer.json()]).toEqual([status, { error: expect.stringContaining(message) }])
  })

  it.each([
    ['suffix', 'x'],
    ['template', '{{ .Prompt }}'],
    ['context', [1]],
    ['images', ['aGk=']],
  ])('is %s, which is not offered', async (name, value) => {
    await using stub = await stubServer({ pieces: ['x'] })
    expect((await generate(stub, { [name]: value })).json().error).toContain(name)
    expect((await generate(stub, { [name]: value.slice(0, 0) })).statusCode).toBe(200)
  })
})
