import { demoModel } from 'hfquant/demo'
import { describe, expect, it } from 'vitest'
import { type StubServer, stubServer } from '../testing/test-server.fixture.js'

const two = { models: { 'org/a': { path: demoModel }, b: { path: demoModel } } }
const ask = async (stub: StubServer, path: string, body: object) => {
  const answer = await stub.post(path, body)
  return { status: answer.statusCode, body: answer.json() }
}

describe('models in the words of Ollama', () => {
  it('are listed without being loaded, and say more when they are', async () => {
    await using stub = await stubServer({}, { ...two, load: 'lazy' })
    const list = async () => (await stub.get('/api/tags')).json().models
    const loaded = async () => (await stub.get('/api/ps')).json().models
    const known = {
      ...{ parent_model: '', format: 'safetensors', family: 'llama', families: ['llama'] },
      ...{ parameter_size: '', quantization_level: '' },
    }
    const [a, b] = await list()
    expect(a).toEqual({
      ...{ name: 'org/a', model: 'org/a', details: known, size: expect.any(Number) },
      ...{ digest: expect.stringMatching(/^[0-9a-f]{64}$/), modified_at: expect.stringMatching(/Z$/) },
    })
    expect(b).toMatchObject({ name: 'b', digest: a.digest })
    const shown = await ask(stub, '/api/show', { model: 'b' })
    expect(shown.body).toMatchObject({ details: known, capabilities: [] })
    expect(await loaded()).toEqual([])

    await ask(stub, '/api/chat', { model: 'b', messages: [], keep_alive: '1h30m0s' })
    const details = { ...known, parameter_size: '1.1B', quantization_level: 'BF16' }
    const [only, ...others] = await loaded()
    expect(only).toMatchObject({ name: 'b', details, size: 1e9, size_vram: 0, context_length: 4096 })
    expect(others).toEqual([])
    const minutes = (Date.parse(only.expires_at) - Date.now()) / 60_000
    expect([Math.round(minutes), only.digest]).toEqual([90, a.digest])
    expect(await list()).toMatchObject([{ details: known }, { details }])
    await ask(stub, '/api/generate', { model: 'b', keep_alive: '-1m' })
    expect((await loaded())[0].expires_at).toMatch(/^9999/)
  })

  it('are shown with what they can do', async () => {
    const chatTemplate = '{{ messages }}<tool_call></think>'
    await using stub = await stubServer({ chatTemplate }, {})
    expect((await ask(stub, '/api/show', { model: 'stub' })).body).toMatchObject({
      capabilities: ['completion', 'tools', 'thinking'],
      model_info: {
        ...{ 'general.architecture': 'llama', 'general.parameter_count': 1.1e9 },
        'llama.context_length': 4096,
      },
    })
  })

  it('are found by their names, with the tag that is meant without one', async () => {
    await using stub = await stubServer({ pieces: ['x'] }, two)
    for (const model of ['b', 'b:latest', 'org/a:latest']) {
      const { body } = await ask(stub, '/api/generate', { model, prompt: 'x', stream: false })
      expect(body).toMatchObject({ model: model.replace(':latest', ''), done: true })
      expect((await ask(stub, '/api/pull', { name: model })).body).toEqual({ status: 'success' })
    }
    for (const path of ['/api/pull', '/api/show', '/api/chat', '/api/generate', '/api/embed'])
      expect(await ask(stub, path, { model: 'b:7b', messages: [] })).toMatchObject({
        ...{ status: 404, body: { error: expect.stringContaining('no model of that name') } },
      })
    expect(await ask(stub, '/api/show', {})).toMatchObject({ status: 400 })
  })

  it('are not changed by requests', async () => {
    await using stub = await stubServer()
    // With one model, every name is its own for an answer, and none but its own here.
    expect((await ask(stub, '/api/pull', { model: 'other' })).status).toBe(404)
    for (const path of ['create', 'copy', 'delete', 'push', 'blobs/sha256:0', 'embeddings', 'nothing']) {
      const answer = await ask(stub, `/api/${path}`, { model: 'stub' })
      expect(answer).toEqual({ status: 404, body: { error: expect.any(String) } })
    }
    const payload = { model: 'stub' }
    const answer = await stub.server.inject({ method: 'DELETE', url: '/api/delete', payload })
    expect([answer.statusCode, answer.json().error]).toEqual([
      404,
      expect.stringContaining('models are those'),
    ])
  })
})
