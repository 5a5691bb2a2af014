import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createServer } from '../server.js'
import { stubModel } from '../testing/stub-model.fixture.js'
import { question, stubServer } from '../testing/test-server.fixture.js'
import { readKeyLines } from './api-keys.js'
import { makeKey } from './made-key.js'

const CHAT = '/v1/chat/completions'
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const SHA_OF_C = '2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfquant-keys-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('keys', () => {
  it('are asked for, in either header, before the body is looked at; probes are open', async () => {
    await using stub = await stubServer(
      { pieces: ['x'] },
      { apiKeys: ['right-key'] },
      { HFQUANT_API_KEY: 'other' },
    )
    for (const headers of [bearer('right-key'), { 'x-api-key': 'right-key' }, bearer('other')])
      expect((await stub.post(CHAT, question(), headers)).statusCode).toBe(200)
    for (const headers of [
      {},
      bearer('right-ke'),
      bearer('right-key2'),
      bearer('x'.repeat(8000)),
      { 'x-api-key': '' },
    ]) {
      const answer = await stub.post(CHAT, '{', headers as Record<string, string>)
      expect([answer.statusCode, answer.json().error.code]).toEqual([401, 'invalid_api_key'])
      expect(answer.headers['www-authenticate']).toBe('Bearer')
    }
    for (const path of ['/health', '/ready', '/metrics']) expect((await stub.get(path)).statusCode).toBe(200)
    expect(JSON.stringify(stub.log)).not.toContain('right-key')
  })

  it('may have limits of their own', async () => {
    const file = join(folder, 'keys')
    const limits = { name: 'c', sha256: SHA_OF_C, models: ['other'] }
    await writeFile(
      file,
      `team:a\n# a comment\n\n${JSON.stringify({ ...limits, models: undefined, tokensPerMinute: 40 })}\n`,
    )
    await using stub = await stubServer({ pieces: ['x', 'y'] }, { apiKeyFile: file, auth: true })
    const asked = question({ max_tokens: 20 })
    expect((await stub.post(CHAT, asked, bearer('a'))).statusCode).toBe(200)
    expect((await stub.post(CHAT, asked, bearer('c'))).statusCode).toBe(200)
    // 14 tokens were used, and 32 might be.
    const second = await stub.post(CHAT, asked, bearer('c'))
    expect([second.statusCode, second.json().error.code]).toEqual([429, 'rate_limit_exceeded'])
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(0)

    await writeFile(file, JSON.stringify(limits))
    await stub.server.reloadKeys()
    expect((await stub.post(CHAT, asked, bearer('a'))).statusCode).toBe(401)
    const other = await stub.post(CHAT, asked, bearer('c'))
    expect([other.statusCode, other.json().error.code]).toEqual([403, 'model_not_allowed'])
  })

  it('keep caches of their owners apart', async () => {
    await using stub = await stubServer({ pieces: ['x'] }, { apiKeys: ['a', 'b'] })
    await stub.post(CHAT, question(), bearer('a'))
    await stub.post(CHAT, question({ cache_salt: 's' }), bearer('b'))
    expect(stub.watch.options.map(({ scope }) => scope)).toEqual(['["option-1",""]', '["option-2","s"]'])
  })

  it('have a name each, wherever they come from', async () => {
    const file = join(folder, 'named')
    await writeFile(file, 'a\nb')
    const keys = { apiKeyFile: file, auth: true, apiKeys: ['c'] }
    await using stub = await stubServer({ pieces: ['x'] }, keys, { HFQUANT_API_KEY: 'd,e' })
    for (const key of 'abcde') await stub.post(CHAT, question(), bearer(key))
    expect(stub.watch.options.map(({ scope }) => JSON.parse(scope!)[0])).toEqual(
      ...[['key-1', 'key-2', 'option-1', 'env-1', 'env-2']],
    )
    for (const [content, message] of [
      ['one:a\none:b', 'names two keys "one"'],
      ['env-2:a', 'names two keys "env-2"'],
    ] as const) {
      await writeFile(file, content)
      await expect(stub.server.reloadKeys()).rejects.toMatchObject({
        ...{ code: 'KEY_FILE', message: expect.stringContaining(message) },
      })
      expect((await stub.post(CHAT, question(), bearer('b'))).statusCode).toBe(200)
    }
  })

  it('stay when their file is emptied, which is told', async () => {
    const file = join(folder, 'emptied')
    await writeFile(file, 'a')
    await using stub = await stubServer({ pieces: ['x'] }, { apiKeyFile: file, auth: true })
    await writeFile(file, '# nobody\n')
    await expect(stub.server.reloadKeys()).rejects.toMatchObject({ code: 'KEY_FILE', file })
    expect((await stub.post(CHAT, question(), bearer('a'))).statusCode).toBe(200)
  })

  it('of a file are refused by their line, without being shown', () => {
    for (const line of ['{"name":"x"}', '{"name": ', `{"name":"x y","sha256":"${SHA_OF_C}"}`]) {
      expect(() => readKeyLines(`good\n${line}`, 'keys')).toThrow(/^line 2 of the key file/)
    }
    expect(readKeyLines('plain\nname:key', 'keys').map(({ name }) => name)).toEqual(['key-1', 'name'])
  })

  it('are made where there are none, for their owner alone, and kept', async () => {
    const file = join(folder, 'made', '8137')
    const first = await makeKey(file)
    expect(first).toEqual({ key: expect.stringMatching(/^[0-9a-f]{64}$/), isNew: true })
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await readFile(file, 'utf8')).trim()).toBe(first.key)
    expect(await makeKey(file)).toEqual({ key: first.key, isNew: false })
  })

  it('are not done without on an address that others reach', async () => {
    const { load } = stubModel()
    const options = { models: {}, host: '0.0.0.0', auth: false }
    await expect(createServer(options, { load, environment: {} })).rejects.toMatchObject({
      code: 'AUTH_REQUIRED',
    })
  })
})

describe('browsers', () => {
  it('are kept out under other names and from other origins', async () => {
    await using stub = await stubServer(
      { pieces: ['x'] },
      { allowOrigin: ['https://chat.example'], allowHost: ['box', 'Other:8137'] },
    )
    const codeOf = async (headers: Record<string, string>) => {
      const answer = await stub.post(CHAT, question(), headers)
      return answer.statusCode === 200 ? 200 : answer.json().error.code
    }
    expect(await codeOf({ host: 'evil.example' })).toBe('host_not_allowed')
    for (const host of ['box:8137', 'other:8137', 'OTHER']) expect(await codeOf({ host })).toBe(200)
    expect(await codeOf({ host: '[::1]:8137' })).toBe(200)
    expect(await codeOf({ origin: 'https://evil.example' })).toBe('origin_not_allowed')
    expect(await codeOf({ origin: 'null' })).toBe('origin_not_allowed')
    expect(await codeOf({ host: 'localhost:8137', origin: 'http://localhost:8137' })).toBe(200)
    const allowed = await stub.post(CHAT, question(), { origin: 'https://chat.example' })
    expect(allowed.headers['access-control-allow-origin']).toBe('https://chat.example')
    const streamed = await stub.post(CHAT, question({ stream: true }), { origin: 'https://chat.example' })
    expect(streamed.headers).toMatchObject({
      ...{ 'access-control-allow-origin': 'https://chat.example', vary: 'origin' },
      ...{ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
      ...{ 'content-type': expect.stringMatching(/^text\/event-stream/), 'x-request-id': expect.any(String) },
    })
  })

  it('may ask before they send, from an allowed origin', async () => {
    await using stub = await stubServer({}, { allowOrigin: ['https://chat.example'] })
    const preflight = (origin: string) =>
      stub.server.inject({
        ...{ method: 'OPTIONS' as const, url: CHAT },
        headers: { origin, 'access-control-request-method': 'POST' },
      })
    expect((await preflight('https://chat.example')).statusCode).toBe(204)
    expect((await preflight('https://evil.example')).statusCode).toBe(403)
  })
})
