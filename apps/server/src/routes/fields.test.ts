import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { question, type StubServer, stubServer } from '../testing/test-server.fixture.js'

let stub: StubServer
beforeAll(async () => {
  stub = await stubServer({ pieces: ['a', 'b'] })
})
afterAll(() => stub[Symbol.asyncDispose]())

const CHAT = '/v1/chat/completions'
const COMPLETIONS = '/v1/completions'

describe('fields', () => {
  it('that nobody knows are ignored, named and counted', async () => {
    const answer = await stub.post(CHAT, question({ min_tokens: 3, 'x y\n': 1, user: 'me', store: null }))
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['x-hfquant-ignored']).toBe('min_tokens, x?y?')
    const metrics = (await stub.get('/metrics')).body
    expect(metrics).toContain('hfquant_fields_ignored_total{model_name="stub",field="min_tokens"} 1')
    expect(metrics).toContain('hfquant_fields_ignored_total{model_name="stub",field="other"} 1')
  })

  it.each([
    ['chats', CHAT, {}],
    ['messages', '/v1/messages', { max_tokens: 1 }],
  ])('of %s are not all looked at where there are thousands', async (_, path, more) => {
    const counted = async () => {
      const { body } = await stub.get('/metrics')
      const counts = [...body.matchAll(/^hfquant_fields_ignored_total\{.*field="other"\} (\d+)$/gm)]
      return Number(counts[0]?.[1] ?? 0)
    }
    const before = await counted()
    const strange = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`x${index}`, 1]))
    const answer = await stub.post(path, question({ ...more, ...strange }))
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['x-hfquant-ignored']).toMatch(/^x0, x1, /)
    expect((await counted()) - before).toBe(32)
  })

  it('that would change the answer may say what holds anyway', async () => {
    const asked = { modalities: ['text'], verbosity: 'medium', service_tier: 'auto', prediction: null, n: 1 }
    expect((await stub.post(CHAT, question(asked))).statusCode).toBe(200)
    expect(
      (await stub.post(COMPLETIONS, { model: 'stub', prompt: 'x', best_of: 1, suffix: null })).statusCode,
    ).toBe(200)
  })

  it('of null are absent', async () => {
    const answer = await stub.post(CHAT, question({ temperature: null, stop: null, n: null, seed: null }))
    expect(answer.statusCode).toBe(200)
  })

  it('keep an id of the client that is one, and replace another', async () => {
    const kept = await stub.post(CHAT, question(), { 'x-request-id': 'my-id.1' })
    const replaced = await stub.post(CHAT, question(), { 'x-request-id': 'my id' })
    expect(kept.headers['x-request-id']).toBe('my-id.1')
    expect(replaced.headers['x-request-id']).toMatch(/^req_[0-9a-f]{24}$/)
  })
})
