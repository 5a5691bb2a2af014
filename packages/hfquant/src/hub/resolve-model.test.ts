import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  CheckpointError,
  ConfigError,
  type HfquantError,
  INFO_CHANNEL,
  type InfoEvent,
} from '@hfquant/core/runtime'
import { describe, expect, it, vi } from 'vitest'
import { startHubServer } from './hub-server.fixture.js'
import { type DownloadProgress, HubError, resolveModel } from './index.js'
import { FILES, failure, fileRequests, home, hub, MODEL, NEEDED, repository } from './test-hub.fixture.js'

describe('a hub id', () => {
  it('is downloaded into the cache that all Hugging Face tools share', async () => {
    const folder = await resolveModel(MODEL)
    expect(folder).toBe(join(repository(), 'snapshots', hub.commit))
    expect((await readdir(folder)).sort()).toEqual(NEEDED)
    for (const name of NEEDED) {
      expect((await lstat(join(folder, name))).isSymbolicLink()).toBe(true)
      expect(await readFile(join(folder, name))).toEqual(Buffer.from(FILES[name as keyof typeof FILES]))
    }
    expect(await readFile(join(repository(), 'refs', 'main'), 'utf8')).toBe(hub.commit)
    expect((await readdir(join(repository(), 'blobs'))).map((name) => name.length).sort()).toEqual([
      40, 40, 40, 64,
    ])
  })

  it('asks for no file a second time', async () => {
    const first = await resolveModel(MODEL)
    hub.requests.length = 0
    expect(await resolveModel(MODEL)).toBe(first)
    expect(fileRequests()).toEqual([])
  })

  it('downloads only what is missing or has the wrong size', async () => {
    const folder = await resolveModel(MODEL)
    await rm(join(folder, 'tokenizer.json'))
    await writeFile(join(folder, 'config.json'), '{"model_type"')
    hub.requests.length = 0
    await resolveModel(MODEL)
    expect(fileRequests()).toEqual([`GET /${MODEL}/resolve/${hub.commit}/config.json`])
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe(FILES['config.json'])
    expect(await readFile(join(folder, 'tokenizer.json'), 'utf8')).toBe(FILES['tokenizer.json'])
  })

  it('reports the bytes of every file', async () => {
    const last = new Map<string, DownloadProgress>()
    await resolveModel(MODEL, { onProgress: (progress) => last.set(progress.file, progress) })
    expect([...last.keys()].sort()).toEqual(NEEDED)
    expect(last.get('model.safetensors')).toEqual({
      file: 'model.safetensors',
      receivedBytes: 100_000,
      totalBytes: 100_000,
    })
  })

  it('may name a branch with slashes or a commit', async () => {
    const folder = await resolveModel(MODEL, { revision: 'refs/pr/1' })
    expect(await readFile(join(repository(), 'refs', 'refs', 'pr', '1'), 'utf8')).toBe(hub.commit)
    expect(await resolveModel(MODEL, { revision: hub.commit })).toBe(folder)
    const error = await failure(resolveModel(MODEL, { revision: 'v9' }))
    expect(error).toMatchObject({ code: 'HUB_NOT_FOUND', message: `"${MODEL}" has no revision "v9"` })
  })

  it('says so if there is no such model', async () => {
    const error = await failure(resolveModel('tiny-org/other'))
    expect(HubError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({ code: 'HUB_NOT_FOUND', hint: expect.stringContaining('spelling') })
  })

  it.each(['../escape', 'a/../b', 'a/b/c', 'a..b', 'org/', '-a/b', 'a b', 'a--b', '', 'x'.repeat(97)])(
    'must be well-formed: %j is not',
    async (id) => {
      expect(await failure(resolveModel(id))).toMatchObject({
        code: expect.stringMatching(/^MODEL_(ID_INVALID|FOLDER_MISSING)$/),
      })
      expect(hub.requests).toEqual([])
    },
  )

  it.each(['../main', '/main', 'a/../b', 'a//b', '.hidden', 'x/.y'])(
    'takes no revision %j',
    async (revision) => {
      const error = await failure(resolveModel(MODEL, { revision }))
      expect(ConfigError.isInstance(error) && error.code).toBe('REVISION_INVALID')
      expect(hub.requests).toEqual([])
    },
  )
})

describe('a repository', () => {
  it.each<[string, object]>([
    ['a digest that is a path', { oid: '../../../../escape' }],
    ['a negative size', { size: -1 }],
  ])('that lists %s is refused', async (_, fields) => {
    hub.listed.set('config.json', fields)
    expect(await failure(resolveModel(MODEL))).toMatchObject({ code: 'HUB_RESPONSE_INVALID' })
    expect(fileRequests()).toEqual([])
  })

  it('that lists files outside of its folder does not get them written', async () => {
    hub.listed.set('tokenizer_config.json', { path: '../tokenizer_config.json' })
    expect((await readdir(await resolveModel(MODEL))).sort()).toEqual(NEEDED.slice(0, 3))
  })

  it.each<[string, string]>([
    ['config.json', 'has no config.json'],
    ['model.safetensors', 'has no .safetensors'],
  ])('without %s is no model', async (name, message) => {
    hub.listed.set(name, { path: 'other' })
    hub.listed.set('pytorch_model.bin', { path: 'other' })
    const error = await failure(resolveModel(MODEL))
    expect(error).toMatchObject({ code: 'HUB_NOT_A_MODEL', message: expect.stringContaining(message) })
  })
})

describe('a model of sentence vectors', () => {
  it('brings the folders of its modules', async () => {
    const files = { 'modules.json': '[]', '1_Pooling/config.json': '{}', 'onnx/model.onnx': '' }
    await using other = await startHubServer(MODEL, { ...FILES, ...files })
    vi.stubEnv('HF_ENDPOINT', other.endpoint)
    const folder = await resolveModel(MODEL)
    expect(await readFile(join(folder, '1_Pooling', 'config.json'), 'utf8')).toBe('{}')
    expect((await readdir(folder)).sort()).toEqual([...NEEDED, '1_Pooling', 'modules.json'].sort())
  })
})

describe('a tokenizer', () => {
  it('comes without weights, and without a model', async () => {
    hub.listed.set('config.json', { path: 'other' })
    hub.listed.set('model.safetensors', { path: 'other.safetensors' })
    const folder = await resolveModel(MODEL, { files: 'tokenizer' })
    expect((await readdir(folder)).sort()).toEqual(['tokenizer.json', 'tokenizer_config.json'])
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect(await resolveModel(MODEL, { files: 'tokenizer' })).toBe(folder)
    expect((await failure(resolveModel(MODEL))).message).toContain('lacks config.json, model.safetensors')
  })

  it('brings the templates that have a folder of their own', async () => {
    await using other = await startHubServer(MODEL, {
      ...FILES,
      'additional_chat_templates/rag.jinja': '{{ 1 }}',
    })
    vi.stubEnv('HF_ENDPOINT', other.endpoint)
    const folder = await resolveModel(MODEL, { files: 'tokenizer' })
    expect(await readFile(join(folder, 'additional_chat_templates', 'rag.jinja'), 'utf8')).toBe('{{ 1 }}')
  })

  it('may lie in a folder without config.json', async () => {
    await writeFile(join(home, 'tokenizer.json'), '{}')
    expect(await resolveModel(home, { files: 'tokenizer' })).toBe(home)
  })
})

describe('a mistyped folder', () => {
  const inHome = async (attempt: () => Promise<unknown>): Promise<HfquantError> => {
    const before = process.cwd()
    await mkdir(join(home, 'demo'), { recursive: true })
    process.chdir(home)
    try {
      return await failure(attempt())
    } finally {
      process.chdir(before)
    }
  }

  it.each<[string, RegExp, () => unknown]>([
    ['cannot be reached', /could not be reached for "dmeo": ECONNREFUSED/, () => hub[Symbol.asyncDispose]()],
    ['has no such model', /has no model "dmeo"/, () => {}],
    ['tells nobody what there is', /refuses access to "dmeo"/, () => (hub.requiredToken = 'x')],
    ['may not be asked', /"dmeo" \(main\) is not in the cache/, () => vi.stubEnv('HF_HUB_OFFLINE', '1')],
  ])('is named with both possibilities when the hub %s', async (_, message, prepare) => {
    await prepare()
    const error = await inHome(() => resolveModel('dmeo'))
    expect(error.message).toMatch(/^there is no folder "dmeo", and /)
    expect(error.message).toMatch(message)
    expect(error.hint).toContain('Did you mean the folder "demo"?')
  })

  it('is not looked for on the hub in silence', async () => {
    const said: string[] = []
    const listen = (event: unknown) => said.push((event as InfoEvent).message)
    subscribe(INFO_CHANNEL, listen)
    try {
      await inHome(() => resolveModel('dmeo'))
    } finally {
      unsubscribe(INFO_CHANNEL, listen)
    }
    expect(said).toEqual([
      expect.stringMatching(/^there is no folder "dmeo", but there is "demo"; http.+ is asked/),
    ])
  })

  it('gets the same proposal as a path, and none that is far away', async () => {
    expect((await inHome(() => resolveModel('./dmeo'))).hint).toContain('Did you mean the folder "demo"?')
    expect((await inHome(() => resolveModel('llama'))).hint).not.toContain('Did you mean')
  })
})

describe('a folder', () => {
  it('stays what it is, and wins over a hub id of the same name', async () => {
    const before = process.cwd()
    await mkdir(join(home, MODEL), { recursive: true })
    await writeFile(join(home, MODEL, 'config.json'), '{}')
    process.chdir(home)
    try {
      expect(await resolveModel(MODEL)).toBe(MODEL)
      expect(await failure(resolveModel(MODEL, { revision: 'main' }))).toMatchObject({
        code: 'REVISION_OF_FOLDER',
      })
    } finally {
      process.chdir(before)
    }
    expect(await resolveModel(join(home, MODEL))).toBe(join(home, MODEL))
    expect(hub.requests).toEqual([])
  })

  it('must exist and hold config.json', async () => {
    const absent = await failure(resolveModel(join(home, 'absent')))
    expect(CheckpointError.isInstance(absent) && absent.code).toBe('MODEL_FOLDER_MISSING')
    expect(await failure(resolveModel(home))).toMatchObject({
      code: 'CONFIG_MISSING',
      message: expect.stringContaining(basename(home)),
    })
    await writeFile(join(home, 'weights'), '')
    expect((await failure(resolveModel(join(home, 'weights')))).message).toContain('is a file')
  })
})
