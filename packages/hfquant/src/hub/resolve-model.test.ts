import { existsSync } from 'node:fs'
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { CheckpointError, ConfigError, HfquantError, OutputError } from '@hfquant/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type HubServer, startHubServer } from './hub-server.js'
import { type DownloadProgress, HubError, resolveModel } from './index.js'

const MODEL = 'tiny-org/tiny-model'
const TOKEN = 'hf_secretsecretsecret'
const FILES = {
  'README.md': '# tiny',
  'config.json': '{"model_type":"llama"}',
  'tokenizer.json': '{"version":"1.0"}',
  'tokenizer_config.json': '{}',
  'model.safetensors': Buffer.alloc(100_000, 7),
  'pytorch_model.bin': Buffer.alloc(100, 7),
}
const NEEDED = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']

let home: string
let hub: HubServer

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hfquant-hub-'))
  hub = await startHubServer(MODEL, FILES)
  const unset = ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'XDG_CACHE_HOME', 'HF_TOKEN', 'HF_TOKEN_PATH']
  for (const name of [...unset, 'HUGGING_FACE_HUB_TOKEN', 'HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE']) {
    vi.stubEnv(name, '')
  }
  vi.stubEnv('HF_HUB_DISABLE_IMPLICIT_TOKEN', '')
  vi.stubEnv('HF_HOME', home)
  vi.stubEnv('HF_ENDPOINT', `${hub.endpoint}/`)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await hub[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

const repository = () => join(home, 'hub', 'models--tiny-org--tiny-model')
const fileRequests = () => hub.requests.filter((request) => /resolve|storage/.test(request))
const failure = async (attempt: Promise<unknown>): Promise<HfquantError> => {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!HfquantError.isInstance(error)) throw new Error('expected a typed error', { cause: error })
  return error
}

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

describe('access', () => {
  it('is refused without a token, and the hint names the variable', async () => {
    hub.requiredToken = TOKEN
    const error = await failure(resolveModel(MODEL))
    expect(error).toMatchObject({ code: 'HUB_UNAUTHORIZED', hint: expect.stringContaining('HF_TOKEN') })
  })

  it.each<[string, () => Promise<unknown> | unknown]>([
    ['HF_TOKEN', () => vi.stubEnv('HF_TOKEN', TOKEN)],
    ['the token file of HF_HOME', () => writeFile(join(home, 'token'), `${TOKEN}\n`)],
    [
      'the file that HF_TOKEN_PATH names',
      async () => {
        await writeFile(join(home, 'elsewhere'), TOKEN)
        vi.stubEnv('HF_TOKEN_PATH', join(home, 'elsewhere'))
      },
    ],
  ])('is granted by %s, and the token stays with the hub', async (_, provide) => {
    hub.requiredToken = TOKEN
    await provide()
    expect(existsSync(join(await resolveModel(MODEL), 'model.safetensors'))).toBe(true)
    expect(hub.requests).toContain('GET storage /model.safetensors')
    expect(hub.tokensAtStorage).toEqual([])
  })

  it('needs no token elsewhere: a listing that continues on another origin is read without', async () => {
    vi.stubEnv('HF_TOKEN', TOKEN)
    hub.continuesElsewhere = true
    await resolveModel(MODEL)
    expect(hub.requests).toContain('GET storage /page-2')
    expect(hub.tokensAtStorage).toEqual([])
  })

  it('never shows the token, whatever fails', async () => {
    hub.requiredToken = 'another'
    const secrets = [TOKEN, `${TOKEN}\nbroken`]
    for (const secret of secrets) {
      vi.stubEnv('HF_TOKEN', secret)
      const error = await failure(resolveModel(MODEL))
      expect(error.code).toMatch(/^(HUB_UNAUTHORIZED|HF_TOKEN_INVALID)$/)
      expect(`${error.stack} ${error.hint} ${JSON.stringify(error)} ${error.cause}`).not.toContain('secret')
    }
  })

  it('takes no endpoint with a password, nor shows it', async () => {
    vi.stubEnv('HF_ENDPOINT', 'http://user:secret@127.0.0.1:9')
    const error = await failure(resolveModel(MODEL))
    expect(error.code).toBe('HF_ENDPOINT_INVALID')
    expect(`${error.stack} ${error.hint}`).not.toContain('secret')
  })
})

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
