import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OutputError } from '@hfquant/core'
import { describe, expect, it, vi } from 'vitest'
import { resolveModel } from './index.js'
import { FILES, failure, fileRequests, home, hub, MODEL, repository } from './test-hub.fixture.js'

describe('an unreliable line', () => {
  const leftovers = async () => {
    const entries = await readdir(home, { recursive: true, withFileTypes: true })
    return entries.filter(({ name }) => name.endsWith('.incomplete')).map(({ name }) => name)
  }

  it('is picked up where it broke', async () => {
    hub.truncatedAnswers = 2
    const folder = await resolveModel(MODEL)
    expect(hub.truncatedAnswers).toBe(0)
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe(FILES['config.json'])
    expect(await readFile(join(folder, 'model.safetensors'))).toEqual(FILES['model.safetensors'])
  })

  it('leaves nothing that later counts as a file when it stays broken', async () => {
    hub.truncatedAnswers = Number.POSITIVE_INFINITY
    expect(await failure(resolveModel(MODEL))).toMatchObject({
      code: 'HUB_DOWNLOAD_INTERRUPTED',
      file: 'config.json',
      hint: expect.stringContaining('Try again'),
    })
    expect(await leftovers()).toEqual([])
    expect(existsSync(join(repository(), 'refs', 'main'))).toBe(false)
    hub.truncatedAnswers = 0
    expect(await readFile(join(await resolveModel(MODEL), 'config.json'), 'utf8')).toBe(FILES['config.json'])
  })

  it('is given up when the caller says so', async () => {
    hub.stalls = true
    const controller = new AbortController()
    const attempt = resolveModel(MODEL, { signal: controller.signal })
    await vi.waitUntil(() => fileRequests().length > 0)
    controller.abort(new Error('enough'))
    await expect(attempt).rejects.toThrow('enough')
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
