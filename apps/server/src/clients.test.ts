import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import Anthropic from '@anthropic-ai/sdk'
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai'
import { AutoModelForCausalLM } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ServedProcess, serve } from './testing/served-demo.fixture.js'

/** Everything here asks one process that serves the bundled model. */
let served: ServedProcess
let client: OpenAI
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfquant-server-'))
  const template = join(folder, 'template.jinja')
  await writeFile(template, '{% for m in messages %}{{ m.content }}{% endfor %}')
  const options = ['--chat-template', template, '--tool-format', 'hermes', '--shutdown-delay', '0']
  served = await serve([`tiny=${demoModel}`, ...options], { HFQUANT_API_KEY: 'secret-of-the-house' })
  client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'secret-of-the-house', maxRetries: 0 })
}, 60_000)
afterAll(async () => {
  await served?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** Resolves when the server generates nothing. */
async function untilIdle(): Promise<void> {
  const isRunning = async () =>
    !/num_requests_running\{model_name="tiny"\} 0/.test(await (await fetch(`${served.url}/metrics`)).text())
  while (await isRunning()) await new Promise((resolve) => setTimeout(resolve, 10))
}

const messages = [{ role: 'user' as const, content: 'Once upon a time' }]
const greedy = { model: 'tiny', temperature: 0, max_tokens: 24 }

describe('the client of OpenAI', () => {
  it('finds the model', async () => {
    const models = await client.models.list()
    expect(models.data).toMatchObject([
      { id: 'tiny', object: 'model', x_state: 'loaded', x_kind: 'decoder', x_context_length: 512 },
    ])
    expect(await client.models.retrieve('tiny')).toMatchObject({ id: 'tiny', x_quantization: null })
    await expect(client.models.retrieve('../../etc')).rejects.toMatchObject({
      ...{ status: 404, code: 'model_not_found' },
    })
  })

  it('gets the text of the library, whole, streamed and through its helpers', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(demoModel)
    let expected = ''
    for await (const { text } of model.generate('Once upon a time', { maxNewTokens: 24, doSample: false })) {
      expected += text
    }
    const whole = await client.completions.create({ ...greedy, prompt: 'Once upon a time' })
    expect(whole.choices[0]).toMatchObject({ text: expected, finish_reason: 'length' })
    expect(whole.usage).toMatchObject({ completion_tokens: 24 })

    const chat = await client.chat.completions.create({ ...greedy, messages })
    let streamed = ''
    for await (const chunk of await client.chat.completions.create({ ...greedy, messages, stream: true })) {
      streamed += chunk.choices[0]?.delta.content ?? ''
    }
    expect(streamed).toBe(chat.choices[0]!.message.content)
    const helper = client.chat.completions.stream({ ...greedy, messages, n: 2 })
    const final = await helper.finalChatCompletion()
    expect(final.choices.map(({ message }) => message.content)).toEqual([streamed, streamed])
  })

  it('gets equal texts for equal seeds', async () => {
    const asked = { ...greedy, temperature: 1, seed: 5, prompt: 'One day' }
    const [first, second, other] = await Promise.all(
      [5, 5, 6].map(async (seed) => (await client.completions.create({ ...asked, seed })).choices[0]!.text),
    )
    expect(first).toBe(second)
    expect(first).not.toBe(other)
  })

  it('gets log-probabilities, whose likeliest token is the one that was chosen', async () => {
    const { choices } = await client.chat.completions.create({
      ...{ ...greedy, messages, max_tokens: 4, logprobs: true, top_logprobs: 3 },
    })
    const tokens = choices[0]!.logprobs!.content!
    expect(tokens).toHaveLength(4)
    expect(tokens.map(({ token }) => token).join('')).toBe(choices[0]!.message.content)
    for (const { token, logprob, top_logprobs } of tokens) {
      expect(top_logprobs).toHaveLength(3)
      expect([top_logprobs[0]!.token, top_logprobs[0]!.logprob]).toEqual([token, logprob])
      expect(logprob).toBeLessThanOrEqual(0)
    }
  })

  it('gets JSON that its schema describes', async () => {
    const schema = {
      ...{ type: 'object', required: ['kind', 'age'], additionalProperties: false },
      properties: { kind: { enum: ['cat', 'dog'] }, age: { type: 'integer', minimum: 0, maximum: 20 } },
    }
    const { choices } = await client.chat.completions.parse({
      ...{ ...greedy, messages, max_tokens: 100 },
      response_format: { type: 'json_schema', json_schema: { name: 'pet', strict: true, schema } },
    })
    expect(choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { parsed: { kind: expect.stringMatching(/^(cat|dog)$/), age: expect.any(Number) } },
    })
  })

  it('gets the calls that it demands, streamed', async () => {
    const parameters = {
      ...{ type: 'object', required: ['kind'], additionalProperties: false },
      properties: { kind: { enum: ['cat', 'dog'] } },
    }
    const stream = client.chat.completions.stream({
      ...{ ...greedy, messages, max_tokens: 100, tool_choice: 'required', parallel_tool_calls: false },
      tools: [{ type: 'function', function: { name: 'pet', parameters } }],
    })
    const [choice] = (await stream.finalChatCompletion()).choices
    expect(choice).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } })
    const [call] = choice!.message.tool_calls!
    expect(call).toMatchObject({ type: 'function', function: { name: 'pet' } })
    expect(JSON.parse(call!.function.arguments).kind).toMatch(/^(cat|dog)$/)
  })

  it('may leave in the middle of a stream', async () => {
    const stream = await client.completions.create({
      ...greedy,
      prompt: 'Once',
      max_tokens: 400,
      stream: true,
    })
    for await (const _ of stream) break
    await untilIdle()
  })

  it('is told what is wrong with its key and its request', async () => {
    const stranger = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'secret-of-the-hous', maxRetries: 0 })
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' })
    await expect(client.completions.create({ ...greedy, prompt: 'word '.repeat(600) })).rejects.toMatchObject(
      { status: 400, code: 'context_length_exceeded' },
    )
  })
})

describe('the client of Anthropic', () => {
  const asked = { model: 'tiny', temperature: 0, max_tokens: 24, messages }
  const clientOf = (apiKey: string) => new Anthropic({ baseURL: served.url, apiKey, maxRetries: 0 })
  const own = () => clientOf('secret-of-the-house').messages

  it('gets the same text as that of OpenAI, whole and streamed, and counts tokens', async () => {
    const { choices, usage } = await client.chat.completions.create({ ...greedy, messages })
    const text = choices[0]!.message.content!
    const whole = await own().create(asked)
    expect(whole).toMatchObject({ content: [{ type: 'text', text }], stop_reason: 'max_tokens' })
    const { input_tokens, cache_read_input_tokens } = whole.usage
    expect(input_tokens + cache_read_input_tokens!).toBe(usage!.prompt_tokens)
    expect(await own().countTokens({ model: 'tiny', messages })).toEqual({
      input_tokens: usage!.prompt_tokens,
    })
    const stream = own().stream(asked)
    let streamed = ''
    stream.on('text', (piece) => {
      streamed += piece
    })
    expect(await stream.finalText()).toBe(text)
    expect(streamed).toBe(text)
  })

  it('gets the call that it demands', async () => {
    const input_schema = {
      type: 'object' as const,
      properties: { kind: { enum: ['cat', 'dog'] } },
      required: ['kind'],
    }
    const tools = [{ name: 'pet', input_schema }]
    const tool_choice = { type: 'tool' as const, name: 'pet', disable_parallel_tool_use: true }
    const message = await own()
      .stream({ ...asked, max_tokens: 100, tools, tool_choice })
      .finalMessage()
    expect(message).toMatchObject({
      stop_reason: 'tool_use',
      content: [{ type: 'tool_use', name: 'pet', input: { kind: expect.stringMatching(/^(cat|dog)$/) } }],
    })
  })

  it('is told what is wrong in its own form, and frees its place when it leaves', async () => {
    await expect(clientOf('wrong').messages.create(asked)).rejects.toMatchObject({
      ...{ status: 401, type: 'authentication_error' },
    })
    await expect(own().create({ ...asked, max_tokens: 0 })).rejects.toMatchObject({
      ...{ status: 400, type: 'invalid_request_error' },
    })
    for await (const _ of own().stream({ ...asked, max_tokens: 400 })) break
    await untilIdle()
  })
})

describe('the client of Ollama', () => {
  const options = { temperature: 0, num_predict: 24 }
  const asked = { model: 'tiny', messages, options }
  const clientOf = (key: string) =>
    new Ollama({ host: served.url, headers: { authorization: `Bearer ${key}` } })
  const own = () => clientOf('secret-of-the-house')

  it('gets the same text as that of OpenAI, whole and streamed, as a chat and as a text', async () => {
    const { choices, usage } = await client.chat.completions.create({ ...greedy, messages })
    const content = choices[0]!.message.content!
    const end = { done: true, done_reason: 'length', eval_count: 24, prompt_eval_count: usage!.prompt_tokens }
    expect(await own().chat(asked)).toMatchObject({ ...end, message: { role: 'assistant', content } })
    let streamed = ''
    let last: object = {}
    for await (const line of await own().chat({ ...asked, stream: true })) {
      streamed += line.message.content
      last = line
    }
    expect(streamed).toBe(content)
    expect(last).toMatchObject(end)
    const prompt = 'Once upon a time'
    expect(await own().generate({ model: 'tiny', prompt, options })).toMatchObject({
      response: content,
    })
  })

  it('gets JSON that its schema describes', async () => {
    const format = { type: 'object', properties: { kind: { enum: ['cat', 'dog'] } }, required: ['kind'] }
    const { message } = await own().chat({ ...asked, format, options: { ...options, num_predict: 100 } })
    expect(JSON.parse(message.content).kind).toMatch(/^(cat|dog)$/)
  })

  it('finds the model, which can be pulled and not be changed', async () => {
    const ollama = own()
    const tiny = { model: 'tiny' }
    const details = { family: 'llama', format: 'safetensors', parameter_size: expect.stringMatching(/^\d/) }
    expect((await ollama.list()).models).toMatchObject([{ ...tiny, name: 'tiny', details }])
    expect((await ollama.ps()).models).toMatchObject([{ ...tiny, details }])
    expect(await ollama.show(tiny)).toMatchObject({ details, capabilities: ['completion', 'tools'] })
    expect((await ollama.version()).version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(await ollama.pull(tiny)).toEqual({ status: 'success' })
    for await (const { status } of await ollama.pull({ ...tiny, stream: true }))
      expect(status).toBe('success')
    const refused = [
      () => ollama.pull({ model: 'other' }),
      () => ollama.push(tiny),
      () => ollama.create({ ...tiny, from: 'other' }),
      () => ollama.copy({ source: 'tiny', destination: 'other' }),
      () => ollama.delete(tiny),
    ]
    for (const ask of refused) await expect(ask()).rejects.toMatchObject({ status_code: 404 })
  })

  it('is told what is wrong in its own form, and frees its place when it leaves', async () => {
    await expect(clientOf('wrong').chat(asked)).rejects.toMatchObject({ status_code: 401 })
    const long = { ...asked, options: { num_predict: 400 } }
    await expect(own().chat({ ...asked, options: { temperature: 9 } })).rejects.toMatchObject({
      ...{ status_code: 400, error: expect.stringContaining('options.temperature') },
    })
    const stream = await own().chat({ ...long, stream: true })
    for await (const _ of stream) break
    stream.abort()
    await untilIdle()
  })
})

describe('the AI SDK', () => {
  const provider = () =>
    createOpenAICompatible({
      ...{ name: 'hfquant', baseURL: `${served.url}/v1`, apiKey: 'secret-of-the-house' },
      ...{ includeUsage: true, supportsStructuredOutputs: true },
    })
  const asked = () => ({
    model: provider()('tiny'),
    prompt: 'Once upon a time',
    temperature: 0,
    maxRetries: 0,
  })
  const petSchema = jsonSchema<{ kind: string }>({
    ...{ type: 'object', required: ['kind'], additionalProperties: false },
    properties: { kind: { enum: ['cat', 'dog'] } },
  })

  it('gets the same text whole and streamed, with what it took', async () => {
    const { text, usage, finishReason } = await generateText({ ...asked(), maxOutputTokens: 24 })
    expect([finishReason, usage.outputTokens]).toEqual(['length', 24])
    const stream = streamText({ ...asked(), maxOutputTokens: 24 })
    expect(await stream.text).toBe(text)
    expect((await stream.usage).outputTokens).toBe(24)
  })

  it('gets an object of its schema, and calls a tool in a step of its own', async () => {
    const { output } = await generateText({
      ...{ ...asked(), maxOutputTokens: 100 },
      output: Output.object({ schema: petSchema }),
    })
    expect(output.kind).toMatch(/^(cat|dog)$/)
    const seen: string[] = []
    const pet = tool({
      inputSchema: petSchema,
      execute: async ({ kind }: { kind: string }) => {
        seen.push(kind)
        return 'done'
      },
    })
    const { steps } = await generateText({
      ...{ ...asked(), maxOutputTokens: 60, tools: { pet }, stopWhen: stepCountIs(2) },
      prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? 'required' : 'none' }),
    })
    expect(steps.map(({ toolCalls }) => toolCalls.length)).toEqual([expect.any(Number), 0])
    expect(seen.length).toBe(steps[0]!.toolCalls.length)
    expect(steps[0]!.finishReason).toBe('tool-calls')
  })

  it('frees its place when it is told to stop', async () => {
    const stop = new AbortController()
    const { textStream } = streamText({ ...asked(), maxOutputTokens: 400, abortSignal: stop.signal })
    for await (const _ of textStream) stop.abort()
    await untilIdle()
  })
})

describe('curl', () => {
  it('streams, tokenizes and reads tokens back', async () => {
    const ask = async (path: string, body: object) => {
      const { stdout } = await promisify(execFile)('curl', [
        ...['-sS', '-H', 'authorization: Bearer secret-of-the-house', '-H', 'content-type: application/json'],
        ...['-d', JSON.stringify(body), served.url + path],
      ])
      return stdout
    }
    expect(await ask('/v1/completions', { ...greedy, prompt: 'Once', stream: true })).toMatch(
      /data: \[DONE\]\n\n$/,
    )
    const { tokens, count, token_strs } = JSON.parse(
      await ask('/tokenize', { prompt: 'Once upon', return_token_strs: true }),
    )
    expect([tokens.length, token_strs[0]]).toEqual([count, '<s>'])
    expect(JSON.parse(await ask('/v1/detokenize', { tokens }))).toEqual({ prompt: '<s>Once upon' })
  })
})

describe('the README', () => {
  it('asks with curl as it says', async () => {
    const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8')
    const [command] = /^curl localhost:8137\/v1.*\\\n.*$/m.exec(readme)!
    const here = command.replace('localhost:8137', served.url)
    const script = `${here} -sS -H 'authorization: Bearer secret-of-the-house'`
    const { stdout } = await promisify(execFile)('bash', ['-c', script])
    expect(JSON.parse(stdout)).toMatchObject({ object: 'chat.completion', model: 'tiny' })
  })
})

describe('the process', () => {
  it('writes a line for each request, and no text of it', async () => {
    const log = served.log()
    const lines = log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
    expect(lines.find(({ route }) => route === '/v1/chat/completions')).toMatchObject({
      ...{ level: 'info', status: 200, model: 'tiny', key: 'env-1', finish: 'length', completion_tokens: 24 },
    })
    expect(log).not.toMatch(/Once upon|secret-of-the-house/)
  })

  it('ends with 0 after a signal', async () => {
    served.child.kill('SIGTERM')
    expect(await served.ended).toBe(0)
  })
})
