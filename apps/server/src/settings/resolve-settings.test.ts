import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nameModels } from './name-models.js'
import { checkSettings, resolveSettings, type SettingSources } from './resolve-settings.js'
import { usableCores } from './threads.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfquant-settings-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const resolve = (sources: Partial<SettingSources>) =>
  resolveSettings({ flags: {}, models: [], environment: {}, configFile: undefined, ...sources })

async function file(content: string): Promise<string> {
  const path = join(folder, `${Math.random()}.yaml`)
  await writeFile(path, content)
  return path
}

describe('settings', () => {
  it('come from flags, then variables, then the file, then defaults', async () => {
    const configFile = await file(
      'port: 1\nmax-queue: 2\nmax-sequences: 3\nmodels: [a, b=c]\nallow-host: [x, y]\n',
    )
    const { settings, models } = await resolve({
      ...{ flags: { port: '10' }, configFile },
      environment: {
        HFQUANT_PORT: '20',
        HFQUANT_MAX_QUEUE: '21',
        HFQUANT_ALLOW_ORIGIN: 'http://a, http://b',
      },
    })
    expect(settings).toMatchObject({
      ...{ port: 10, maxQueue: 21, maxSequences: 3, queueTimeout: 30, host: '127.0.0.1' },
      ...{ allowHost: ['x', 'y'], allowOrigin: ['http://a', 'http://b'] },
    })
    expect(models).toEqual(['a', 'b=c'])
    expect((await resolve({ configFile, environment: { HFQUANT_MODEL: 'd,e' } })).models).toEqual(['d', 'e'])
  })

  it('understand sizes, durations and switches', async () => {
    const environment = { HFQUANT_BODY_LIMIT: '2MiB', HFQUANT_KEEP_ALIVE: '5m', HFQUANT_AUTH: 'false' }
    expect((await resolve({ environment })).settings).toMatchObject({
      ...{ bodyLimit: 2 * 2 ** 20, keepAlive: 300_000, auth: false },
    })
  })

  it('take no time that a timer does not hold', async () => {
    for (const flags of [
      { queueTimeout: '2147484' },
      { drainTimeout: '99999999' },
      { requestTimeout: '0' },
    ]) {
      await expect(resolve({ flags })).rejects.toMatchObject({ code: 'OPTION_VALUE' })
    }
    const { settings } = await resolve({})
    for (const value of [2_147_484, Number.POSITIVE_INFINITY, -1]) {
      const given = { ...settings, requestTimeout: value }
      expect(() => checkSettings(given, {}, true)).toThrow(/--request-timeout is/)
    }
  })

  it('take the names of gliner.serve, and say so', async () => {
    const { settings, models, warnings } = await resolve({
      environment: { GLINER_MODEL: './gliner', GLINER_DTYPE: 'fp16', GLINER_MAX_BATCH_SIZE: '8' },
    })
    expect([models, settings.dtype, settings.maxBatchSize]).toEqual([['./gliner'], 'fp16', 8])
    expect(warnings).toHaveLength(2)
  })

  it.each([
    [
      'a wrong value',
      { flags: { port: 'many' } },
      'OPTION_VALUE',
      /^--port is "many", expected a whole number/,
    ],
    [
      'a wrong variable',
      { environment: { HFQUANT_LOAD: 'soon' } },
      'OPTION_VALUE',
      /^HFQUANT_LOAD is "soon"/,
    ],
    ['a file that is not there', { configFile: '/nowhere/x.yaml' }, 'CONFIG_UNREADABLE', /ENOENT/],
  ])('name %s', async (_, sources, code, message) => {
    await expect(resolve(sources)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('name an unknown key of a file, and a file that holds none', async () => {
    await expect(resolve({ configFile: await file('max_queue: 3') })).rejects.toMatchObject({
      ...{ code: 'OPTION_UNKNOWN', field: 'max_queue', hint: expect.stringContaining('max-queue') },
    })
    await expect(resolve({ configFile: await file('- 1') })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('models', () => {
  it('are called by their name, their hub id, or the last part of their folder', () => {
    expect(nameModels([folder, 'small=org/tiny', 'org/large'])).toEqual({
      [folder.split('/').at(-1)!]: { path: folder },
      small: { path: 'org/tiny' },
      'org/large': { path: 'org/large' },
    })
    expect(() => nameModels(['a=x', 'a=y'])).toThrow(/two models are called "a"/)
  })
})

describe('threads', () => {
  it('are no more than the cores that a container may use', () => {
    expect(usableCores(() => '100000 100000\n')).toBe(1)
    expect(usableCores(() => 'max 100000\n')).toBeGreaterThanOrEqual(1)
  })
})
