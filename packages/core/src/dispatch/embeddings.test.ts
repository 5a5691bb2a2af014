import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createKernelPool } from '@hfquant/kernels'
import { writeSafetensors } from '@hfquant/safetensors'
import { afterAll, describe, expect, test } from 'vitest'
import type { FileRules, Selection } from '../contract/definition.js'
import { readJsonFile } from '../json/read-json-file.js'
import { loadModel } from '../load/load-model.js'
import { openCheckpoint } from '../load/open-checkpoint.js'
import { readParameter } from '../load/read-parameter.js'
import { createScratchStore } from '../load/store.js'
import { saveModel } from '../save/save-model.js'
import { stateDict } from '../save/state-dict.js'
import { toSafetensorsDtype } from '../shell/dtype.js'
import { findModule } from '../shell/module.js'
import { QuantizedModule } from '../shell/quantized-module.js'
import { type RowInt8Config, rowInt8 } from '../testing/row-int8.fixture.js'
import { temporaryFolder, tinyShell, writeTinyCheckpoint } from '../testing/tiny-model.fixture.js'
import { AutoQuantizer } from './auto-quantizer.js'
import { defineQuantizer } from './define-quantizer.js'
import { nodeEnvironment } from './node-environment.js'

const folder = temporaryFolder(afterAll)
const pool = createKernelPool({ workers: 1 })
afterAll(() => pool.dispose())

const EMBEDDING = 'model.embed_tokens'
const HEAD = 'lm_head'

const float = await writeTinyCheckpoint(join(folder, 'float'), { omit: ['lm_head.weight'] })
await writeFile(join(float, 'config.json'), '{"tie_word_embeddings": true}')

type Hooks = Partial<Selection<RowInt8Config>> & { readonly files?: FileRules<RowInt8Config> }
let saved = 0

/** Loads a folder with the tied model and a method of row-wise int8 that has some hooks more. */
async function load(from: string, { files, ...hooks }: Hooks, keepInFloat?: readonly string[]) {
  const { definition } = rowInt8
  const method = defineQuantizer<RowInt8Config>({
    ...definition,
    ...(files && { files }),
    select: (config) => ({ ...definition.select!(config), ...hooks }),
  })
  const block = (await readJsonFile(join(from, 'config.json'))).value.quantization_config as
    | object
    | undefined
  const quantizer = AutoQuantizer.create({
    backend: method,
    method: method.quantMethod,
    config: block === undefined ? method({ keepInFloat }) : method.parseConfig({ ...block }),
    preQuantized: block !== undefined,
    overridden: [],
    ignored: [],
  })
  const checkpoint = await openCheckpoint(from)
  afterAll(() => checkpoint.close())
  const shell = tinyShell({ tied: true })
  const environment = nodeEnvironment()
  const store = createScratchStore(folder)
  const loaded = await loadModel({ checkpoint, shell, quantizer, environment, pool, store })
  const save = async () => {
    const config = (await readJsonFile(join(from, 'config.json'))).document
    const out = join(folder, `saved-${saved++}`)
    await saveModel(out, { shell, quantizer, config, pool, sourceFolder: from, dtype: shell.dtype })
    return out
  }
  const bytes = async (path: string, key: string) =>
    readParameter(findModule(shell.root, path)!.parameters.get(key)!)
  return { ...loaded, save, bytes, names: stateDict(shell).map(({ name }) => name) }
}

const embeddings = true

describe('a tied model whose embeddings are included', () => {
  test('quantizes the shared weight once, for both of its users', async () => {
    const { shell, quantization, names, bytes } = await load(float, { embeddings })
    expect(quantization?.quantized).toEqual(expect.arrayContaining([EMBEDDING, HEAD]))
    const [embedding, head] = [EMBEDDING, HEAD].map((path) =>
      findModule(shell.root, path),
    ) as QuantizedModule[]
    expect([embedding, head].map((module) => module instanceof QuantizedModule)).toEqual([true, true])
    expect(head!.component('weight')).toBe(embedding!.component('weight'))
    expect([embedding, head].map((module) => module!.info.kind)).toEqual(['embedding', 'linear'])
    expect(names.filter((name) => name.startsWith(HEAD))).toEqual([])
    expect(await bytes(HEAD, 'weight')).toHaveLength(24 * 32)
  })

  test('is saved without the second copy, and loads again the same', async () => {
    const first = await load(float, { embeddings })
    const out = await first.save()
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toMatchObject({
      tie_word_embeddings: true,
    })
    // Tensors decide: the embedding is found although this method includes none.
    const again = await load(out, {})
    expect(again.quantization?.quantized).toEqual(expect.arrayContaining([EMBEDDING, HEAD]))
    expect(again.names).toEqual(first.names)
    expect(again.report.missing).toEqual([])
    expect(await again.bytes(HEAD, 'weight')).toEqual(await first.bytes(EMBEDDING, 'weight'))
  })

  test('stays in float on both sides when the skip list names one', async () => {
    const hooks = { embeddings, replaceDefaults: true }
    const { quantization } = await load(float, hooks, [HEAD])
    expect(quantization?.skipped).toEqual([
      { module: EMBEDDING, reason: expect.stringContaining(HEAD) },
      { module: HEAD, reason: expect.stringContaining('named by the skip list') },
    ])
  })
})

test('a tied head is not quantized without its embedding', async () => {
  const { quantization } = await load(float, { replaceDefaults: true }, [])
  expect(quantization?.skipped).toEqual([{ module: HEAD, reason: expect.stringContaining(EMBEDDING) }])
})

test('an embedding that the config names is quantized although embeddings are not included', async () => {
  const hooks = { embeddings: (path: string) => path === EMBEDDING, replaceDefaults: true }
  const { quantization } = await load(float, hooks, [])
  expect(quantization?.quantized).toEqual(expect.arrayContaining([EMBEDDING, HEAD]))
})

describe('a tie that is broken before quantizing', () => {
  const untie = true

  test('gives the head a weight of its own, and config.json says so', async () => {
    const { shell, bytes, names, save } = await load(float, { untie })
    expect(shell.ties).toEqual([])
    expect(names).toContain('lm_head.weight')
    expect(await bytes(HEAD, 'weight')).toEqual(await bytes(EMBEDDING, 'weight'))
    const out = await save()
    const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))
    expect(config).toMatchObject({ tie_word_embeddings: false })
  })

  test('quantizes both, each on its own, where embeddings are included', async () => {
    const { shell, bytes, names } = await load(float, { untie, embeddings })
    expect(names).toEqual(expect.arrayContaining(['lm_head.weight', `${EMBEDDING}.weight`]))
    expect(findModule(shell.root, HEAD)).toBeInstanceOf(QuantizedModule)
    expect(await bytes(HEAD, 'weight')).toEqual(await bytes(EMBEDDING, 'weight'))
  })
})

describe('an older spelling of a quantized checkpoint', () => {
  test('of tensor names is read as the current one', async () => {
    const current = await load(float, {})
    const out = await current.save()
    const old = join(folder, 'old-names')
    await mkdir(old)
    await copyFile(join(out, 'config.json'), join(old, 'config.json'))
    const tensors = stateDict(current.shell).map(async ({ name, dtype, shape, parameter }) => ({
      name: `${name}:data`,
      dtype: toSafetensorsDtype(dtype),
      shape,
      data: await readParameter(parameter),
    }))
    await writeSafetensors(join(old, 'model.safetensors'), await Promise.all(tensors))
    await expect(load(old, {})).rejects.toMatchObject({ code: 'TENSOR_MISSING' })
    const read = await load(old, { files: { name: (name) => name.replace(/:data$/, '') } })
    expect(read.report.unexpected).toEqual([])
    await expect(load(old, { files: { name: () => 'same' } })).rejects.toMatchObject({
      code: 'TENSOR_DUPLICATE',
    })
    const path = 'model.layers.1.down_proj'
    expect(await read.bytes(path, 'weight')).toEqual(await current.bytes(path, 'weight'))
  })

  test('of the config is written anew, while others are written as they were read', async () => {
    const out = await (await load(float, {})).save()
    const path = join(out, 'config.json')
    const text = (await readFile(path, 'utf8')).replace('"levels": 127,', '')
    await writeFile(path, text)
    const kept = await (await load(out, {})).save()
    expect(await readFile(join(kept, 'config.json'), 'utf8')).not.toContain('levels')
    const rewritten = await (await load(out, { files: { rewrite: (config) => config } })).save()
    expect(await readFile(join(rewritten, 'config.json'), 'utf8')).toContain('"levels": 127')
  })
})
