import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HfquantError } from '@hfquant/core'
import { afterEach, beforeEach, vi } from 'vitest'
import { type HubServer, startHubServer } from './hub-server.fixture.js'

export const MODEL = 'tiny-org/tiny-model'
export const FILES = {
  'README.md': '# tiny',
  'config.json': '{"model_type":"llama"}',
  'tokenizer.json': '{"version":"1.0"}',
  'tokenizer_config.json': '{}',
  'model.safetensors': Buffer.alloc(100_000, 7),
  'pytorch_model.bin': Buffer.alloc(100, 7),
}
/** What is fetched of them. */
export const NEEDED = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']

/** HF_HOME of the running test, and the hub that it asks. */
export let home: string
export let hub: HubServer

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

/** Where the cache keeps the model. */
export const repository = () => join(home, 'hub', 'models--tiny-org--tiny-model')
/** Requests for files, not for what the hub says of them. */
export const fileRequests = () => hub.requests.filter((request) => /resolve|storage/.test(request))
export const failure = async (attempt: Promise<unknown>): Promise<HfquantError> => {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!HfquantError.isInstance(error)) throw new Error('expected a typed error', { cause: error })
  return error
}
