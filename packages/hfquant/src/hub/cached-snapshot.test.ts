import { rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { resolveModel } from './index.js'
import { failure, hub, MODEL, repository } from './test-hub.fixture.js'

describe('offline', () => {
  it('takes the cache and asks nobody', async () => {
    const folder = await resolveModel(MODEL)
    hub.requests.length = 0
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect(await resolveModel(MODEL)).toBe(folder)
    expect(await resolveModel(MODEL, { revision: hub.commit })).toBe(folder)
    expect(hub.requests).toEqual([])
  })

  it('says what to do if the model is not in the cache', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect(await failure(resolveModel(MODEL))).toMatchObject({
      code: 'HUB_NOT_CACHED',
      hint: expect.stringContaining('HF_HUB_OFFLINE'),
    })
  })

  it('names the files that an earlier download did not reach', async () => {
    const folder = await resolveModel(MODEL)
    await rm(join(repository(), 'blobs'), { recursive: true })
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect((await failure(resolveModel(MODEL))).message).toContain('lacks config.json, model.safetensors')
    await rm(folder, { recursive: true })
    expect((await failure(resolveModel(MODEL))).message).toContain('is not in the cache')
  })

  it('knows the shards of an index', async () => {
    const folder = await resolveModel(MODEL)
    await rm(join(folder, 'model.safetensors'))
    await writeFile(
      join(folder, 'model.safetensors.index.json'),
      JSON.stringify({
        weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
      }),
    )
    await writeFile(join(folder, 'model-00001-of-00002.safetensors'), '')
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    const { message } = await failure(resolveModel(MODEL))
    expect(message).toContain('lacks model-00002-of-00002.safetensors in')
  })

  it.each([
    [
      'the index of shards in the other format',
      'pytorch_model.bin.index.json',
      'pytorch_model-00001-of-00002.bin',
    ],
    ['the index of older shards', 'model.safetensors.index.json', 'model-00001-of-00002.safetensors'],
  ])('is content with whole weights beside %s', async (_, index, shard) => {
    const folder = await resolveModel(MODEL)
    await writeFile(join(folder, index), JSON.stringify({ weight_map: { a: shard } }))
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect(await resolveModel(MODEL)).toBe(folder)
  })

  it('is content with whole shards beside a link without a file', async () => {
    const folder = await resolveModel(MODEL)
    await rm(join(folder, 'model.safetensors'))
    await writeFile(join(folder, 'model-00001-of-00001.safetensors'), '')
    await symlink('nowhere', join(folder, 'pytorch_model.bin'))
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect(await resolveModel(MODEL)).toBe(folder)
  })

  it('counts shards without an index by their names', async () => {
    const folder = await resolveModel(MODEL)
    await rm(join(folder, 'model.safetensors'))
    await writeFile(join(folder, 'model-00002-of-00003.safetensors'), '')
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect((await failure(resolveModel(MODEL))).message).toContain(
      'lacks model-00001-of-00003.safetensors, model-00003-of-00003.safetensors in',
    )
  })

  it('names the first of many shards that are missing', async () => {
    const folder = await resolveModel(MODEL)
    await rm(join(folder, 'model.safetensors'))
    await writeFile(join(folder, 'model-00010-of-00012.safetensors'), '')
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    const { message } = await failure(resolveModel(MODEL))
    expect(message).toMatch(
      / model-00007-of-00012\.safetensors, model-00008-of-00012\.safetensors and 3 more in /,
    )
  })

  it('makes no names of more shards than a repository has files', async () => {
    const folder = await resolveModel(MODEL)
    await rm(join(folder, 'model.safetensors'))
    await writeFile(join(folder, 'model-00001-of-99999.safetensors'), '')
    for (let series = 0; series < 20; series++)
      await writeFile(join(folder, `series${series}-00001-of-09000.safetensors`), '')
    const shards = Array.from({ length: 10_001 }, (_, shard) => [String(shard), `other-${shard}.safetensors`])
    const index = JSON.stringify({ weight_map: Object.fromEntries(shards) })
    await writeFile(join(folder, 'other.safetensors.index.json'), index)
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    // One file that says it is one of 99999 is an ordinary file.
    expect(await resolveModel(MODEL)).toBe(folder)
    await rm(join(folder, 'model-00001-of-99999.safetensors'))
    expect((await failure(resolveModel(MODEL))).message).toContain('and 8991 more in')
  })

  it('is proposed when the hub is away and the cache has the model', async () => {
    hub.brokenStatus = 503
    expect(await failure(resolveModel(MODEL))).toMatchObject({ code: 'HUB_UNAVAILABLE', found: 503 })
    hub.brokenStatus = undefined
    await resolveModel(MODEL)
    await hub[Symbol.asyncDispose]()
    expect(await failure(resolveModel(MODEL))).toMatchObject({
      code: 'HUB_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
      hint: expect.stringContaining('HF_HUB_OFFLINE=1'),
    })
  })
})
