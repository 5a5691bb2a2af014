import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, symlink, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { OutputError, workTag } from '@hfquant/core/runtime'
import { describe, expect, it, vi } from 'vitest'
import { startHubServer } from './hub-server.fixture.js'
import { resolveModel } from './index.js'
import { FILES, failure, fileRequests, home, hub, MODEL, NEEDED, repository } from './test-hub.fixture.js'

const leftovers = async () => {
  const entries = await readdir(home, { recursive: true, withFileTypes: true })
  return entries.filter(({ name }) => name.endsWith('.incomplete')).map(({ name }) => name)
}

describe('an unreliable line', () => {
  it('is picked up where it broke', async () => {
    hub.truncatedAnswers = 2
    const folder = await resolveModel(MODEL)
    expect(hub.truncatedAnswers).toBe(0)
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe(FILES['config.json'])
    expect(await readFile(join(folder, 'model.safetensors'))).toEqual(FILES['model.safetensors'])
  })

  it('leaves nothing that later counts as a file when it stays broken, and goes on from there', async () => {
    hub.truncatedAnswers = Number.POSITIVE_INFINITY
    expect(await failure(resolveModel(MODEL))).toMatchObject({
      code: 'HUB_DOWNLOAD_INTERRUPTED',
      file: 'config.json',
      hint: expect.stringContaining('Try again'),
    })
    expect(await leftovers()).toHaveLength(1)
    expect(existsSync(join(repository(), 'refs', 'main'))).toBe(false)
    hub.truncatedAnswers = 0
    hub.ranges.length = 0
    expect(await readFile(join(await resolveModel(MODEL), 'config.json'), 'utf8')).toBe(FILES['config.json'])
    expect(hub.ranges).toEqual([expect.stringMatching(/^config\.json bytes=[1-9]/)])
    expect(await leftovers()).toEqual([])
  })

  it('is given up when the caller says so', async () => {
    hub.stalls = true
    const controller = new AbortController()
    const attempt = resolveModel(MODEL, { signal: controller.signal })
    await vi.waitUntil(() => fileRequests().length > 0)
    controller.abort(new Error('enough'))
    await expect(attempt).rejects.toThrow('enough')
    hub.stalls = false
    await resolveModel(MODEL)
    expect(await leftovers()).toEqual([])
    await expect(resolveModel(MODEL, { signal: controller.signal })).rejects.toThrow('enough')
  })

  it.each([
    ['other bytes', Buffer.alloc(100_000, 8), 'do not agree with the digest'],
    ['more bytes', Buffer.alloc(100_001, 7), 'more than the 100000 bytes'],
  ])('that delivers %s is noticed', async (_, forged, message) => {
    hub.forged.set('model.safetensors', forged)
    const error = await failure(resolveModel(MODEL))
    expect(error).toMatchObject({ code: 'HUB_FILE_CORRUPT', message: expect.stringContaining(message) })
    expect(await leftovers()).toEqual([])
    expect(await readdir(join(repository(), 'blobs'))).toHaveLength(3)
  })

  it('cannot write where the cache is not a folder', async () => {
    await writeFile(join(home, 'hub'), '')
    const error = await failure(resolveModel(MODEL))
    expect(OutputError.isInstance(error) && error.code).toBe('CACHE_NOT_WRITABLE')
    expect(error.hint).toContain('HF_HOME')
  })
})

describe('what a killed download left behind', () => {
  const weights = FILES['model.safetensors']
  const digest = createHash('sha256').update(weights).digest('hex')
  const GIVEN_UP = 'hfquant-left-0123456789abcdef'
  const [, start, machine, ...rest] = workTag().split('-')
  /** The id of a process that has ended. */
  const DEAD = spawnSync(process.execPath, ['--version']).pid
  const dead = (where = machine) => [DEAD, start, where, ...rest].join('-')
  const WEEK = 7 * 24 * 3600

  async function leave(tag: string, bytes: Buffer, secondsAgo = 0): Promise<string> {
    await mkdir(join(repository(), 'blobs'), { recursive: true })
    const path = join(repository(), 'blobs', `${digest}.${tag}.incomplete`)
    await writeFile(path, bytes)
    const time = Date.now() / 1000 - secondsAgo
    await utimes(path, time, time)
    return path
  }

  it('is taken up: the longest piece, from its last byte on; nothing is left', async () => {
    await leave(dead(), weights.subarray(0, 60_000))
    await leave(dead('0000000000000000'), weights.subarray(0, 70_000), WEEK + 60)
    await leave(GIVEN_UP, weights.subarray(0, 100))
    const folder = await resolveModel(MODEL)
    expect(hub.ranges).toEqual(['model.safetensors bytes=70000-'])
    expect(await readFile(join(folder, 'model.safetensors'))).toEqual(weights)
    expect(await leftovers()).toEqual([])
  })

  it('needs no request when only the name was missing', async () => {
    await leave(dead(), weights)
    const folder = await resolveModel(MODEL)
    expect(fileRequests().filter((request) => request.includes('model.safetensors'))).toEqual([])
    expect(await readFile(join(folder, 'model.safetensors'))).toEqual(weights)
  })

  it.each([
    ['other bytes', Buffer.alloc(50_000, 1)],
    ['more than the file', Buffer.alloc(100_001, 7)],
  ])('is downloaded anew if it holds %s', async (_, bytes) => {
    await leave(dead(), bytes)
    const folder = await resolveModel(MODEL)
    expect(await readFile(join(folder, 'model.safetensors'))).toEqual(weights)
    expect(await leftovers()).toEqual([])
  })

  it('is reported anew, too, if it was wrong', async () => {
    const MiB = 1024 * 1024
    const large = Buffer.alloc(4 * MiB, 7)
    await using other = await startHubServer(MODEL, { ...FILES, 'model.safetensors': large })
    vi.stubEnv('HF_ENDPOINT', other.endpoint)
    const path = await leave(GIVEN_UP, Buffer.alloc(3 * MiB, 1))
    await rename(path, path.replace(digest, createHash('sha256').update(large).digest('hex')))
    const received: number[] = []
    await resolveModel(MODEL, {
      onProgress: ({ file, receivedBytes }) => {
        if (file === 'model.safetensors') received.push(receivedBytes)
      },
    })
    expect(received[0]).toBe(3 * MiB)
    const again = received.slice(received.indexOf(large.length) + 1)
    expect(again.length).toBeGreaterThanOrEqual(3)
    expect(Math.min(...again)).toBeLessThan(2 * MiB)
  })

  it('is not mixed with the whole file that a server without ranges sends', async () => {
    hub.ignoresRanges = true
    await leave(dead(), weights.subarray(0, 60_000))
    const folder = await resolveModel(MODEL)
    expect(await readFile(join(folder, 'model.safetensors'))).toEqual(weights)
  })

  it.each<[string, string, number]>([
    // A piece that was taken up keeps its age while it is digested, and while the hub is waited for.
    ['to a process that runs, however long it writes nothing', workTag(), 2 * WEEK],
    ['to a process of another machine', dead(`00000000${machine!.slice(8)}`), WEEK - 60],
    ['to a process of another container of this machine', dead(`${machine!.slice(0, 8)}00000000`), WEEK - 60],
    ['to other tools', '01234567-89ab-cdef-0123-456789abcdef', 2 * WEEK],
    ['to other tools that write short names', '01234567', 2 * WEEK],
  ])('is left %s', async (_, tag, secondsAgo) => {
    const path = await leave(tag, weights.subarray(0, 60_000), secondsAgo)
    await resolveModel(MODEL)
    expect(hub.ranges).toEqual([])
    expect(await leftovers()).toEqual([basename(path)])
  })

  it('goes wherever a model has files', async () => {
    const files = { ...FILES, 'additional_chat_templates/rag.jinja': '{{ 1 }}' }
    await using other = await startHubServer(MODEL, files)
    vi.stubEnv('HF_ENDPOINT', other.endpoint)
    const folder = await resolveModel(MODEL)
    const left = ['config.json', 'additional_chat_templates/rag.jinja'].map((name) => join(folder, name))
    left.push(join(repository(), 'refs', 'main'))
    for (const path of left) await symlink('nowhere', `${path}.${dead()}.incomplete`)
    // Nothing had arrived yet.
    await writeFile(join(repository(), 'blobs', `other.${dead()}.incomplete`), '')
    expect(await leftovers()).toHaveLength(4)
    await resolveModel(MODEL)
    expect(await leftovers()).toEqual([])
  })

  const kills = Number(process.env.HFQUANT_KILL_RUNS ?? 4)
  it(
    'comes from many kills, and the next run makes the model whole and leaves nothing',
    async () => {
      const program = `
      const { resolveModel } = await import(${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)})
      await resolveModel(${JSON.stringify(MODEL)})`
      hub.drips = true
      for (let run = 0; run < kills; run++) {
        hub.requests.length = 0
        const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'ignore' })
        const ended = once(child, 'exit')
        await vi.waitUntil(() => fileRequests().length > 0 || child.exitCode !== null, { timeout: 30_000 })
        await Promise.race([ended, pause(Math.random() * 200)])
        child.kill('SIGKILL')
        await ended
      }
      const folder = await resolveModel(MODEL)
      for (const name of NEEDED)
        expect(await readFile(join(folder, name))).toEqual(Buffer.from(FILES[name as keyof typeof FILES]))
      expect(await leftovers()).toEqual([])
      expect(await readdir(join(repository(), 'blobs'))).toHaveLength(NEEDED.length)
    },
    60_000 + kills * 20_000,
  )
})

it('several downloads of one model at once give one model', async () => {
  const folders = await Promise.all(Array.from({ length: 4 }, () => resolveModel(MODEL)))
  expect(new Set(folders).size).toBe(1)
  expect(await readFile(join(folders[0]!, 'model.safetensors'))).toEqual(FILES['model.safetensors'])
  expect(await leftovers()).toEqual([])
})

describe('a hub that cannot answer now', () => {
  it.each([429, 503])('with status %i is asked again, as often as it says when', async (status) => {
    hub.brokenStatus = status
    hub.brokenAnswers = 3
    await resolveModel(MODEL)
    expect(hub.brokenAnswers).toBeLessThanOrEqual(0)
  })

  it('is given up after four tries', async () => {
    hub.brokenStatus = 429
    expect(await failure(resolveModel(MODEL))).toMatchObject({
      code: 'HUB_UNAVAILABLE',
      found: 429,
      message: expect.stringMatching(
        /asked for "tiny-org\/tiny-model", answers with status 429 after 4 tries/,
      ),
      hint: expect.stringContaining('HF_TOKEN'),
    })
    expect(hub.requests).toHaveLength(4)
  })

  it('and asks for a long pause is given up at once', async () => {
    hub.brokenStatus = 503
    hub.retryAfter = '3600'
    const error = await failure(resolveModel(MODEL))
    expect(error.message).toContain('Retry-After: 3600')
    expect(hub.requests).toHaveLength(1)
  })

  it.each(['isSilent', 'stalls'] as const)(
    'because it %s ends in an error after a stated time',
    async (fault) => {
      vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', '0.1')
      hub[fault] = true
      expect(await failure(resolveModel(MODEL))).toMatchObject({
        code: 'HUB_TIMEOUT',
        message: expect.stringContaining('has said nothing for 0.1 seconds'),
        hint: expect.stringContaining('HF_HUB_DOWNLOAD_TIMEOUT'),
      })
    },
  )

  it.each(['soon', '0', '-1', '1e9'])('takes no deadline of %j seconds', async (text) => {
    vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', text)
    expect(await failure(resolveModel(MODEL))).toMatchObject({ code: 'HF_TIMEOUT_INVALID' })
  })

  it('and lists pages without end is told from a hub', async () => {
    hub.listsForever = true
    expect(await failure(resolveModel(MODEL))).toMatchObject({
      code: 'HUB_RESPONSE_INVALID',
      message: expect.stringContaining('more than 200 pages'),
    })
  })
})
