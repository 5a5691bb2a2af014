import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { framesOf, question, stubServer } from '../testing/test-server.fixture.js'

const CHAT = '/v1/chat/completions'

describe('a chat completion', () => {
  it('has the answer, why it ends, and what it took', async () => {
    await using stub = await stubServer({ pieces: ['Hel', 'lo', ''] })
    const answer = await stub.post(CHAT, question())
    expect(answer.json()).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{24}$/),
      ...{ object: 'chat.completion', created: expect.any(Number), model: 'stub' },
      system_fingerprint: 'hfq_000000000000',
      choices: [
        {
          ...{ index: 0, finish_reason: 'stop', logprobs: null },
          message: { role: 'assistant', content: 'Hello', refusal: null },
        },
      ],
      usage: {
        ...{ prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 },
        prompt_tokens_details: { cached_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 0 },
      },
    })
    expect(answer.headers['server-timing']).toMatch(
      /^queue;dur=[\d.]+, prefill;dur=[\d.]+, decode;dur=[\d.]+$/,
    )
  })

  it('says all that a request says to the model, and nothing that it does not', async () => {
    await using stub = await stubServer({ pieces: ['x'] })
    await stub.post(CHAT, question())
    await stub.post(
      CHAT,
      question({
        ...{ temperature: 0.5, top_p: 0.9, top_k: -1, min_p: 0.1, repetition_penalty: 1.1, seed: -7, n: 2 },
        ...{
          stop: 'END',
          stop_token_ids: [9],
          max_tokens: 5,
          max_completion_tokens: 4,
          logit_bias: { 3: -2 },
          presence_penalty: 1,
          frequency_penalty: -1,
        },
      }),
    )
    await stub.post(CHAT, question({ temperature: 0, ignore_eos: true }))
    const [plain, full, second, greedy] = stub.watch.options
    expect(plain).toMatchObject({ doSample: true, temperature: 1, topP: 1, topK: 0, maxNewTokens: 512 })
    expect(full).toMatchObject({
      ...{ doSample: true, temperature: 0.5, topP: 0.9, topK: 0, minP: 0.1, repetitionPenalty: 1.1, seed: 7 },
      ...{
        stop: ['END'],
        eosTokenId: [1, 9],
        maxNewTokens: 4,
        logitBias: { 3: -2 },
        presencePenalty: 1,
        frequencyPenalty: -1,
      },
    })
    expect(second).toMatchObject({ seed: 8 })
    expect(greedy).toMatchObject({ doSample: false, ignoreEos: true })
    expect(greedy).not.toHaveProperty('temperature')
  })

  it('is given the conversation as templates read it', async () => {
    await using stub = await stubServer({ pieces: ['x'] })
    await stub.post(
      CHAT,
      question({
        messages: [
          {
            role: 'developer',
            content: [
              { type: 'text', text: 'Be' },
              { type: 'text', text: 'brief.' },
            ],
          },
          {
            role: 'assistant',
            content: null,
            reasoning: 'Hm',
            tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
          },
          { role: 'tool', tool_call_id: 'c1', content: '7' },
        ],
        ...{ reasoning_effort: 'none', chat_template_kwargs: { tone: 'dry' } },
      }),
    )
    expect(stub.watch.jobs[0]).toMatchObject({
      ...{ kind: 'chat', addGenerationPrompt: true, continueFinalMessage: false },
      variables: { tone: 'dry', reasoning_effort: 'none', enable_thinking: false },
      messages: [
        { role: 'system', content: 'Be\nbrief.' },
        {
          ...{ role: 'assistant', content: null, reasoning_content: 'Hm' },
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: { a: 1 } } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: '7' },
      ],
    })
  })

  it('of several choices counts the prompt once, and begins the others after the first token', async () => {
    await using stub = await stubServer()
    const { choices, usage } = (await stub.post(CHAT, question({ n: 3, max_tokens: 4 }))).json()
    expect(choices.map((one: { message: { content: string } }) => one.message.content)).toEqual(
      Array(3).fill('abcd'),
    )
    expect(choices.map((one: { finish_reason: string }) => one.finish_reason)).toEqual(
      Array(3).fill('length'),
    )
    expect(usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 12 })
  })

  it('is cut to the room that the prompt leaves', async () => {
    await using stub = await stubServer({ contextLength: 20 })
    const { choices } = (await stub.post(CHAT, question({ max_tokens: 100 }))).json()
    expect(choices[0].message.content).toHaveLength(8)
  })
})

describe('a stream', () => {
  it('opens each choice, has one chunk for a token, and ends with [DONE]', async () => {
    await using stub = await stubServer({ pieces: ['Hel', '', 'lo'] })
    const answer = await stub.post(CHAT, question({ stream: true }))
    expect(answer.headers).toMatchObject({
      ...{ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
      ...{ 'x-accel-buffering': 'no', 'x-request-id': expect.stringMatching(/^req_/) },
    })
    const frames = framesOf(answer.body)
    const chunk = (choice: object) => ({
      ...{
        id: (frames[0] as { id: string }).id,
        object: 'chat.completion.chunk',
        created: expect.any(Number),
      },
      ...{ model: 'stub', system_fingerprint: 'hfq_000000000000' },
      choices: [{ index: 0, finish_reason: null, ...choice }],
    })
    expect(frames).toEqual([
      chunk({ delta: { role: 'assistant', content: '' } }),
      chunk({ delta: { content: 'Hel' } }),
      chunk({ delta: { content: 'lo' } }),
      chunk({ delta: {}, finish_reason: 'stop' }),
      '[DONE]',
    ])
  })

  it('tells usage in a chunk of its own when it is asked to', async () => {
    await using stub = await stubServer({ pieces: ['a', 'b'] })
    const asked = { stream: true, stream_options: { include_usage: true }, n: 2 }
    const frames = framesOf((await stub.post(CHAT, question(asked))).body) as {
      usage: unknown
      choices: unknown[]
    }[]
    expect(frames.slice(0, -2).every(({ usage }) => usage === null)).toBe(true)
    expect(frames.at(-2)).toMatchObject({
      ...{ choices: [], usage: { prompt_tokens: 12, completion_tokens: 4, total_tokens: 16 } },
      x_hfquant: {
        queue_ms: expect.any(Number),
        prefill_ms: expect.any(Number),
        decode_ms: expect.any(Number),
      },
    })
  })

  it('that fails ends with a frame that says so, and with nothing that looks like an end', async () => {
    const error = new Error('at /home/somebody/secret.ts')
    await using stub = await stubServer({ failAt: { token: 2, error } })
    const answer = await stub.post(CHAT, question({ stream: true }))
    const frames = framesOf(answer.body)
    expect(frames.at(-1)).toEqual({
      error: {
        ...{ type: 'server_error', code: 'internal_error', param: null },
        message: expect.stringContaining(String(answer.headers['x-request-id'])),
      },
    })
    expect(answer.body).not.toContain('secret')
    expect(answer.body).not.toContain('[DONE]')
    expect(frames).toHaveLength(3)
  })

  it('is not even made tokens of while the queue is full', async () => {
    await using stub = await stubServer({ delay: 5 }, { maxSequences: 1, maxQueue: 1 })
    const asked = [1, 2].map(() => stub.post(CHAT, question({ max_tokens: 20 })))
    while (stub.watch.jobs.length < 2) await sleep(1)
    const refused = await stub.post(CHAT, question())
    expect([refused.statusCode, refused.json().error.code]).toEqual([429, 'queue_full'])
    expect(stub.watch.jobs).toHaveLength(2)
    expect((await Promise.all(asked)).map(({ statusCode }) => statusCode)).toEqual([200, 200])
  })

  it('is refused with a status before it has begun', async () => {
    await using stub = await stubServer({ delay: 2 }, { maxQueue: 0, maxSequences: 1 })
    const first = stub.post(CHAT, question({ max_tokens: 30 }))
    while (stub.watch.running === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    const second = await stub.post(CHAT, question({ stream: true }))
    expect([second.statusCode, second.json().error.code]).toEqual([429, 'queue_full'])
    expect(second.headers['retry-after']).toBe('1')
    expect((await first).statusCode).toBe(200)
  })
})

describe('errors of a model', () => {
  it.each([
    ['LOGITS_NAN', 500, 'logits_invalid', { 'x-should-retry': 'false' }],
    ['TOKEN_OUT_OF_RANGE', 400, 'token_out_of_range', {}],
    ['CHAT_TEMPLATE_REFUSED', 400, 'template_refused', {}],
    ['MODEL_DISPOSED', 503, 'model_loading', { 'retry-after': '1' }],
    ['SOMETHING_ELSE', 500, 'internal_error', { 'x-should-retry': 'false' }],
  ])('of the code %s are answered with %i %s', async (code, status, expected, headers) => {
    const { HfquantError } = await import('hfquant')
    await using stub = await stubServer({ failAt: { token: 1, error: new HfquantError(code, 'it failed') } })
    const answer = await stub.post(CHAT, question())
    expect([answer.statusCode, answer.json().error.code]).toEqual([status, expected])
    expect(answer.headers).toMatchObject(headers)
  })
})

describe('log-probabilities', () => {
  const logprob = (token: string, value: number, top: object[]) => ({
    ...{ token, logprob: value, bytes: [...Buffer.from(token)], top_logprobs: top },
  })
  const first = { token: 'He', logprob: -1, bytes: [72, 101] }

  it('are told of every token but the end', async () => {
    await using stub = await stubServer({ pieces: ['He', 'y', ''] })
    const { choices } = (await stub.post(CHAT, question({ logprobs: true, top_logprobs: 1 }))).json()
    expect(choices[0].logprobs).toEqual({
      content: [logprob('He', -1, [first]), logprob('y', -2, [first])],
      refusal: null,
    })
    const body = { model: 'stub', prompt: 'x', logprobs: 2 }
    const completion = (await stub.post('/v1/completions', body)).json()
    expect(completion.choices[0].logprobs).toEqual({
      tokens: ['He', 'y'],
      token_logprobs: [-1, -2],
      // JSON has no infinity.
      top_logprobs: Array(2).fill({ He: -1, y: -9999 }),
      text_offset: [0, 2],
    })
  })

  it('go with their text in a stream', async () => {
    await using stub = await stubServer({ pieces: ['He', 'y', ''] })
    const frames = framesOf((await stub.post(CHAT, question({ logprobs: true, stream: true }))).body)
    expect(frames.slice(1, -2)).toMatchObject([
      { choices: [{ delta: { content: 'He' }, logprobs: { content: [{ token: 'He', top_logprobs: [] }] } }] },
      { choices: [{ delta: { content: 'y' }, logprobs: { content: [{ token: 'y' }] } }] },
    ])
  })
})
