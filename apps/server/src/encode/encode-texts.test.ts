import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BaseEncoder, ConfigError, type EncoderInput } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LoadedModel, TextReading } from '../models/loaded-model.js'
import { createServer, type ServerOptions } from '../server.js'
import type { EncodedPrompt } from '../text/protocol.js'

const never = async () => {
  throw new Error('nothing is asked this way')
}

/** An encoder without weights: a text has a token for each character, and its vector is how many these are. */
async function served(reading: Partial<TextReading> = {}, options: Partial<ServerOptions> = {}) {
  const given: EncoderInput[][] = []
  const encoder = {
    async embed(texts: readonly EncoderInput[]) {
      given.push([...texts])
      return texts.map((text) => {
        const { inputIds } = text as { readonly inputIds: readonly number[] }
        if (inputIds.includes(999))
          throw new ConfigError('TOKEN_OUT_OF_RANGE', 'no such token', { field: 'inputIds' })
        return Float32Array.of(inputIds.length)
      })
    },
  } as unknown as BaseEncoder
  const run = async ({
    text,
    truncateTo,
  }: {
    text: string
    truncateTo?: number
  }): Promise<EncodedPrompt> => ({
    ...{ ids: Array.from(text, () => 7).slice(0, truncateTo), ending: '', prefix: undefined },
  })
  const model = {
    ...{ kind: 'encoder', task: 'embed', encoder, contextLength: 8 },
    ...{
      quantization: null,
      bytes: 0,
      parameters: null,
      dtype: '',
      fingerprint: '',
      warnings: [],
      dispose: async () => {},
    },
    reading: {
      ...{ maxLength: 8, promptTokens: 2, textOf: (text: string) => `> ${text}` },
      texts: { run, runUnqueued: never, close: async () => {} },
      ...reading,
    },
  } as unknown as LoadedModel
  const server = await createServer(
    { models: { stub: { path: demoModel } }, auth: options.apiKeyFile !== undefined, ...options },
    { load: async () => model, logStream: { write: () => {} }, environment: {} },
  )
  await server.loaded()
  const ask = async (body: object, headers = {}) => {
    const request = { method: 'POST' as const, url: '/v1/embeddings', headers }
    const answer = await server.inject({ ...request, payload: { encoding_format: 'float', ...body } })
    return { status: answer.statusCode, body: answer.json() }
  }
  return { server, ask, given, [Symbol.asyncDispose]: async () => void (await server.close()) }
}

describe('texts for an encoder', () => {
  it('are handed to the model as the tokens that were counted, with those of the prompt', async () => {
    await using stub = await served()
    const { body } = await stub.ask({ input: ['a', 'bcd'] })
    expect(stub.given).toEqual([
      [
        { inputIds: [7, 7, 7], promptTokens: 2 },
        { inputIds: [7, 7, 7, 7, 7], promptTokens: 2 },
      ],
    ])
    expect(body).toMatchObject({
      data: [{ embedding: [3] }, { embedding: [5] }],
      usage: { prompt_tokens: 8, total_tokens: 8 },
    })
  })

  it('are cut to what a request says, and to what the model reads', async () => {
    await using stub = await served()
    const sizeOf = async (truncate_prompt_tokens: number, input: unknown = 'abcdefghijkl') =>
      (await stub.ask({ input, truncate_prompt_tokens })).body.data[0].embedding[0]
    expect([await sizeOf(-1), await sizeOf(5), await sizeOf(50), await sizeOf(2, [1, 2, 3])]).toEqual([
      8, 5, 8, 2,
    ])
    expect((await stub.ask({ input: 'a', truncate_prompt_tokens: 0 })).body.error).toMatchObject({
      ...{ code: 'invalid_value', param: 'truncate_prompt_tokens' },
    })
  })

  it('are refused by their place in the request', async () => {
    await using stub = await served()
    const errorOf = async (input: unknown) => (await stub.ask({ input })).body.error
    expect(await errorOf(['a', [1, 2, 3, 4, 5, 6, 7, 8, 9]])).toMatchObject({
      ...{ code: 'context_length_exceeded', param: 'input[1]' },
    })
    expect(await errorOf([999])).toMatchObject({ code: 'token_out_of_range', param: 'input' })
    await using bare = await served({ texts: undefined })
    expect((await bare.ask({ input: 'a' })).body.error).toMatchObject({
      ...{ code: 'unsupported_value', param: 'input', message: expect.stringContaining('token ids') },
    })
    expect((await bare.ask({ input: [1] })).status).toBe(200)
  })

  it('that are being read are bounded, as all requests are', async () => {
    let goOn = () => {}
    const gate = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const run = async () => {
      await gate
      return { ids: [7], ending: '', prefix: undefined }
    }
    const texts = { run, runUnqueued: never, close: async () => {} } as unknown as TextReading['texts']
    await using stub = await served({ texts }, { maxQueue: 1, maxSequences: 1 })
    const waiting = [stub.ask({ input: 'a' }), stub.ask({ input: 'b' })]
    await new Promise((resolve) => setImmediate(resolve))
    const refused = await stub.ask({ input: 'c' })
    expect([refused.status, refused.body.error.code]).toEqual([429, 'queue_full'])
    goOn()
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200])
    expect((await stub.ask({ input: 'c' })).status).toBe(200)
  })
})

describe('the limits of a key', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hfquant-encode-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('hold for texts of encoders', async () => {
    const file = join(folder, 'keys')
    const sha256 = '2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6'
    await writeFile(file, JSON.stringify({ name: 'c', sha256, tokensPerMinute: 10 }))
    await using stub = await served({}, { apiKeyFile: file })
    const ask = () => stub.ask({ input: 'abcd' }, { authorization: 'Bearer c' })
    expect((await ask()).status).toBe(200)
    const second = await ask()
    expect([second.status, second.body.error.code]).toEqual([429, 'rate_limit_exceeded'])
  })
})
