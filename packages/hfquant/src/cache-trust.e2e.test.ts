import { createHash } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { AutoModelForCausalLM, cacheFolder, exportModel, listCompiledModels } from './index.js'
import {
  copyOf,
  INPUT,
  MODEL,
  newFolder,
  overwriteWeights,
  start,
  useOwnCaches,
} from './testing/starts.fixture.js'

useOwnCaches()
afterEach(() => vi.unstubAllEnvs())

const WEIGHTS = 'model.safetensors'

/** The logits of a model, however it was started before. */
async function logitsOf(folder: string, options: { cache?: boolean } = {}): Promise<Float32Array> {
  await using model = await AutoModelForCausalLM.fromPretrained(folder, options)
  return (await model.forward(INPUT)).logits
}

/** A model with the headers of another one, and other weights. */
async function strangerTo(model: string): Promise<string> {
  const folder = copyOf(model)
  await overwriteWeights(join(folder, WEIGHTS), 0x3c)
  return folder
}

describe('what a model says after a stranger was run', () => {
  test('is its own, when all files have one time', async () => {
    const [first, second] = [copyOf(MODEL), await strangerTo(MODEL)]
    for (const folder of [first, second])
      for (const name of readdirSync(folder)) utimesSync(join(folder, name), 1, 1)
    const truth = await logitsOf(second, { cache: false })
    await logitsOf(first)
    expect(await logitsOf(second)).toEqual(truth)
    expect(await listCompiledModels()).toHaveLength(2)
  })

  test('is its own, when the files of the stranger are called by its digest', async () => {
    const digest = createHash('sha256')
      .update(readFileSync(join(MODEL, WEIGHTS)))
      .digest('hex')
    /** As in the cache of the hub, wherever that is. */
    const inRepository = (model: string, hub: string): string => {
      const repository = join(hub, 'models--org--real')
      const folder = join(repository, 'snapshots', 'a'.repeat(40))
      mkdirSync(join(repository, 'snapshots'), { recursive: true })
      mkdirSync(join(repository, 'blobs'))
      renameSync(model, folder)
      renameSync(join(folder, WEIGHTS), join(repository, 'blobs', digest))
      symlinkSync(`../../blobs/${digest}`, join(folder, WEIGHTS))
      return folder
    }
    const stranger = inRepository(await strangerTo(MODEL), newFolder())
    vi.stubEnv('HF_HUB_CACHE', newFolder())
    const real = inRepository(copyOf(MODEL), process.env.HF_HUB_CACHE!)
    const truth = await logitsOf(real, { cache: false })
    await logitsOf(stranger)
    expect(await logitsOf(real)).toEqual(truth)
  })
})

describe('a compiled model', () => {
  test('whose weights were altered is made again, and answers as before', async () => {
    const cold = await start(MODEL)
    const [kept] = await listCompiledModels()
    const { id } = kept!
    const path = join(cacheFolder(), 'artifacts', id, 'weights.bin')
    const bytes = readFileSync(path)
    for (let index = 2; index < bytes.length; index += 16) bytes[index]! ^= 0x50
    chmodSync(path, 0o600)
    writeFileSync(path, bytes)
    chmodSync(path, 0o444)
    const again = await start(MODEL)
    expect([again.stages, again.logits]).toEqual([['compile'], cold.logits])
    for (const { model } of [cold, again]) await model.dispose()
  })

  test('lies in a folder for its process alone when others may write the cache folder', async () => {
    await logitsOf(MODEL)
    chmodSync(cacheFolder(), 0o777)
    const { model, stages } = await start(MODEL)
    await model.dispose()
    expect(stages).toEqual(process.getuid === undefined ? [] : ['compile'])
  })
})

describe('where there is no cache', () => {
  let temporary: string
  beforeEach(() => {
    temporary = mkdtempSync(join(tmpdir(), 'hfquant-no-cache-'))
    vi.stubEnv('TMPDIR', temporary)
    writeFileSync(join(temporary, 'file'), '')
    process.env.HFQUANT_CACHE = join(temporary, 'file', 'cache')
  })

  test('a model works whatever others have made in the folder for temporary files, and leaves it alone', async () => {
    const documents = newFolder()
    mkdirSync(join(documents, 'thesis'), { recursive: true })
    utimesSync(join(documents, 'thesis'), 1, 1)
    mkdirSync(join(temporary, 'hfquant'))
    symlinkSync(documents, join(temporary, 'hfquant', 'work'))
    await logitsOf(MODEL)
    expect(readdirSync(documents)).toEqual(['thesis'])
    expect(readdirSync(temporary).sort()).toEqual(['file', 'hfquant'])
  })
})

test('an export onto the weights of the model is refused', async () => {
  const folder = copyOf(MODEL)
  const out = join(folder, WEIGHTS)
  const before = statSync(out)
  const exported = exportModel(folder, out, { format: 'gguf' })
  await expect(exported).rejects.toMatchObject({ code: 'OUTPUT_IS_INPUT', file: out })
  expect(statSync(out)).toMatchObject({ ino: before.ino, size: before.size })
})
