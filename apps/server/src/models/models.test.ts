import { HfquantError } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { describe, expect, it } from 'vitest'
import { createServer } from '../server.js'
import { type StubScript, stubModel } from '../testing/stub-model.fixture.js'
import { question, stubServer } from '../testing/test-server.fixture.js'
import type { ModelPlan } from './load-model.js'

const CHAT = '/v1/chat/completions'
const sessionEnded = () => new HfquantError('SESSION_FAILED', 'the runtime failed: the session thread ended')
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** A server of models without weights, that notes what it loads. */
async function several(names: readonly string[], options: object, script: StubScript = { pieces: ['x'] }) {
  const { load, watch } = stubModel(script)
  const loaded: string[] = []
  const server = await createServer(
    { models: Object.fromEntries(names.map((name) => [name, { path: demoModel }])), auth: false, ...options },
    {
      ...{ environment: {}, logStream: { write: () => {} } },
      load: (plan: ModelPlan, signal) => {
        loaded.push(plan.name)
        if (plan.name === 'broken') return Promise.reject(new Error('no such file'))
        return load(plan, signal)
      },
    },
  )
  const ask = async (model: string, more: object = {}) => {
    const payload = { ...question(), model, ...more }
    const answer = await server.inject({ method: 'POST', url: CHAT, payload })
    return answer.statusCode === 200 ? answer.json().model : answer.json().error.code
  }
  const states = async () => {
    const { data } = (await server.inject({ method: 'GET', url: '/v1/models' })).json()
    return Object.fromEntries(data.map((one: { id: string; x_state: string }) => [one.id, one.x_state]))
  }
  return { server, ask, states, loaded, watch }
}

describe('names of models', () => {
  it('are any with one model, and exact with several', async () => {
    const one = await several(['a'], {})
    expect(await one.ask('anything')).toBe('a')
    await one.server.close()
    const two = await several(['a', 'org/b'], { alias: ['gpt-4o=org/b'] })
    expect(await two.ask('a')).toBe('a')
    expect(await two.ask('gpt-4o')).toBe('org/b')
    expect(await two.ask('../../etc/passwd')).toBe('model_not_found')
    const shown = await two.server.inject({ method: 'GET', url: '/v1/models/org%2Fb' })
    expect(shown.json()).toMatchObject({ id: 'org/b', x_aliases: ['gpt-4o'] })
    await two.server.close()
  })
})

describe('models that are loaded by their first request', () => {
  it('are unloaded when they are idle, and make room for others', async () => {
    const { server, ask, states, loaded } = await several(['a', 'b'], { load: 'lazy', maxLoaded: 1 })
    expect(await states()).toEqual({ a: 'unloaded', b: 'unloaded' })
    expect(await Promise.all([ask('a'), ask('a')])).toEqual(['a', 'a'])
    expect(await states()).toEqual({ a: 'loaded', b: 'unloaded' })
    expect(await ask('b', { keep_alive: 0 })).toBe('b')
    await sleep(20)
    expect(await states()).toEqual({ a: 'unloaded', b: 'unloaded' })
    expect(loaded).toEqual(['a', 'b'])
    await server.close()
  })

  it('stay for longer than any timer holds', async () => {
    const { server, ask, states } = await several(['a'], { load: 'lazy' })
    expect(await ask('a', { keep_alive: '999999h' })).toBe('a')
    await sleep(20)
    expect(await states()).toEqual({ a: 'loaded' })
    await server.close()
  })

  it('fail by themselves', async () => {
    const { server, ask, states } = await several(['a', 'broken'], { load: 'lazy' })
    expect(await ask('broken')).toBe('model_failed')
    expect(await ask('a')).toBe('a')
    expect(await states()).toEqual({ a: 'loaded', broken: 'failed' })
    expect((await server.inject({ method: 'GET', url: '/health' })).statusCode).toBe(200)
    await server.close()
  })
})

describe('a session that ends', () => {
  it('is opened again, and those that wait are answered', async () => {
    const script = { delay: 10, failAt: { token: 3, error: sessionEnded() } }
    await using stub = await stubServer(script, { maxSequences: 1 })
    const streamed = stub.post(CHAT, question({ stream: true }))
    const waiting = stub.post(CHAT, question({ max_tokens: 2 }))
    expect((await streamed).body).toContain('"code":"worker_crashed"')
    expect((await stub.get('/ready')).json()).toEqual({ status: 'restarting' })
    expect((await waiting).statusCode).toBe(200)
    expect((await stub.get('/ready')).json()).toEqual({ status: 'ready' })
    expect(stub.watch.disposed).toBe(1)
    expect((await stub.get('/metrics')).body).toContain('worker_restarts_total{model_name="stub"} 1')
    // The same prompt, a second time: it is suspected, and then refused. That it waited during the first was no guilt.
    expect((await stub.post(CHAT, question())).json().error.code).toBe('worker_crashed')
    while ((await stub.get('/ready')).statusCode !== 200) await sleep(50)
    const refused = await stub.post(CHAT, question())
    expect([refused.statusCode, refused.json().error.code]).toEqual([500, 'internal_error'])
    expect(stub.log.some(({ level, msg }) => level === 'error' && String(msg).includes('ended twice'))).toBe(
      true,
    )
  })
})
