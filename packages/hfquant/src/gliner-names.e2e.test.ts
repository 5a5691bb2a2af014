import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { testFolder } from '@hfquant/testkit'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startHubServer } from './hub/hub-server.fixture.js'
import { AutoModel, GLiNER, inspectModel, pipeline, resolveModel } from './index.js'
import { golden } from './testing/golden.fixture.js'

const root = testFolder()
const LABELS = ['person', 'organization', 'location']
const TEXT = 'Ada Lovelace wrote to Charles Babbage in London on 5 June 1833.'

/** HF_HOME of each test is a folder of its own. */
let homes = 0
beforeEach(() => {
  for (const name of ['HF_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'])
    vi.stubEnv(name, '')
  vi.stubEnv('HF_HOME', join(root, `home-${homes++}`))
})
afterEach(() => vi.unstubAllEnvs())

/** The files of a folder by their names, as a repository has them. */
function filesIn(folder: string, below = ''): Record<string, Buffer> {
  const found: Record<string, Buffer> = {}
  for (const name of readdirSync(join(folder, below)).filter((file) => !file.startsWith('expected'))) {
    const path = join(below, name)
    if (statSync(join(folder, path)).isDirectory()) Object.assign(found, filesIn(folder, path))
    else found[path] = readFileSync(join(folder, path))
  }
  return found
}

async function serve(model: string, files: Record<string, Buffer>) {
  const hub = await startHubServer(model, files)
  vi.stubEnv('HF_ENDPOINT', hub.endpoint)
  return hub
}

/** A copy of a golden whose gliner_config.json is changed. */
function copyOf(name: string, change: object): string {
  const folder = join(root, `${name}-${homes}`)
  cpSync(golden(`gliner/${name}`), folder, { recursive: true })
  const path = join(folder, 'gliner_config.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }))
  return folder
}

async function entitiesOf(model: GLiNER) {
  const found = await model.predictEntities(TEXT, LABELS, { threshold: 0.05 })
  expect(found.length).toBeGreaterThan(0)
  return found
}

test('a name of the hub brings gliner_config.json and the weights of the variant, and no others', async () => {
  const { 'model.safetensors': weights, ...files } = filesIn(golden('gliner/deberta-bf16'))
  const published = { ...files, 'model.safetensors': Buffer.alloc(100), 'model.bf16.safetensors': weights! }
  await using _hub = await serve('tiny-org/gliner', published)
  await using model = await GLiNER.fromPretrained('tiny-org/gliner', { variant: 'bf16' })
  await using local = await GLiNER.fromPretrained(golden('gliner/deberta-bf16'))
  expect(await entitiesOf(model)).toEqual(await entitiesOf(local))
  vi.stubEnv('HF_HUB_OFFLINE', '1')
  expect(readdirSync(await resolveModel('tiny-org/gliner'))).not.toContain('model.safetensors')
})

test('a bi-encoder without a tokenizer of labels takes it from the hub, and is saved with it', async () => {
  const folder = copyOf('bi-encoder', { labels_encoder: 'tiny-org/labels' })
  renameSync(join(folder, 'labels_encoder'), join(root, 'of-labels'))
  await using _hub = await serve('tiny-org/labels', filesIn(join(root, 'of-labels')))
  const out = join(root, 'saved-with-labels')
  await using model = await GLiNER.fromPretrained(folder, { quantize: 'int8' })
  await model.savePretrained(out)
  vi.stubEnv('HF_HUB_OFFLINE', '1')
  await using again = await GLiNER.fromPretrained(out)
  expect(await entitiesOf(again)).toEqual(await entitiesOf(model))

  await rmSync(join(process.env.HF_HOME!), { recursive: true })
  await expect(GLiNER.fromPretrained(folder)).rejects.toMatchObject({
    ...{ name: 'CheckpointError', code: 'LABEL_TOKENIZER_MISSING', field: 'labels_encoder' },
    message: expect.stringContaining('HF_HUB_OFFLINE'),
    hint: expect.stringContaining('labelsTokenizer'),
  })
  await using given = await GLiNER.fromPretrained(folder, { labelsTokenizer: join(root, 'of-labels') })
  await given.savePretrained(join(root, 'saved-with-given'))
  expect(existsSync(join(root, 'saved-with-given', 'labels_encoder', 'tokenizer.json'))).toBe(true)
})

test('a folder that leaves tokenizer and encoder to the model that it was made from finds them by its name', async () => {
  const folder = copyOf('deberta', { model_name: 'tiny-org/backbone', encoder_config: null })
  const { encoder_config } = JSON.parse(
    readFileSync(join(golden('gliner/deberta'), 'gliner_config.json'), 'utf8'),
  )
  const moved = ['tokenizer.json', 'tokenizer_config.json'].map((name) => [
    name,
    readFileSync(join(folder, name)),
  ])
  const backbone = {
    ...Object.fromEntries(moved),
    'config.json': Buffer.from(JSON.stringify(encoder_config)),
  }
  for (const [name] of moved) rmSync(join(folder, name as string))
  await using _hub = await serve('tiny-org/backbone', backbone)
  await using model = await GLiNER.fromPretrained(folder)
  await using whole = await GLiNER.fromPretrained(golden('gliner/deberta'))
  expect(await entitiesOf(model)).toEqual(await entitiesOf(whole))
  expect((await inspectModel(folder)).architecture).toBe('GLiNER')
  await model.savePretrained(join(root, 'saved-with-tokenizer'))
  expect(existsSync(join(root, 'saved-with-tokenizer', 'tokenizer.json'))).toBe(true)
})

test('local_files_only keeps what a folder refers to from being fetched, too', async () => {
  const folder = copyOf('bi-encoder', { labels_encoder: 'tiny-org/labels' })
  rmSync(join(folder, 'labels_encoder'), { recursive: true })
  await using hub = await serve('tiny-org/labels', filesIn(golden('gliner/bi-encoder/labels_encoder')))
  const load = (local_files_only: boolean) => pipeline('token-classification', folder, { local_files_only })
  await expect(load(true)).rejects.toMatchObject({ code: 'LABEL_TOKENIZER_MISSING' })
  expect(hub.requests).toEqual([])
  await (await load(false)).dispose()
  const fetched = hub.requests.length
  expect(fetched).toBeGreaterThan(0)
  await (await load(true)).dispose()
  expect(hub.requests).toHaveLength(fetched)
})

test('a path is no name of another model', async () => {
  const folder = copyOf('bi-encoder', { labels_encoder: golden('tokenizer/words') })
  rmSync(join(folder, 'labels_encoder'), { recursive: true })
  await expect(GLiNER.fromPretrained(folder)).rejects.toMatchObject({
    ...{ code: 'LABEL_TOKENIZER_MISSING', cause: { code: 'MODEL_ID_INVALID' } },
  })
})

test('a folder of another kind is named with the class that loads it, whichever of the two is asked', async () => {
  const refused = { name: 'ConfigError', code: 'MODEL_CLASS' }
  await expect(AutoModel.fromPretrained(golden('gliner/bert'))).rejects.toMatchObject({
    ...refused,
    hint: 'Load it with GLiNER.',
  })
  for (const folder of ['architectures/llama', 'architectures/bert']) {
    await expect(GLiNER.fromPretrained(golden(folder))).rejects.toMatchObject({
      ...{ ...refused, found: 'config.json', hint: expect.stringContaining('AutoModelForCausalLM') },
    })
  }
})
