import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTensorFile } from '@hfquant/testkit'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { AutoModelForCausalLM, cacheFolder, inspectModel, quantizeModel, recipe } from './index.js'
import { golden } from './testing/golden.fixture.js'
import { type PickledTensor, type Storages, torchFile } from './testing/torch-file.fixture.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-torch-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))
beforeEach(() => void vi.stubEnv('HFQUANT_CACHE', join(parent, 'cache')))
afterAll(() => void vi.unstubAllEnvs())

const source = golden('torchao/tiny-llama/bf16')
const float = await readTensorFile(join(source, 'model.safetensors'))

interface Pickled {
  tensors: Record<string, PickledTensor>
  storages: Record<string, Storages[string]>
}

/** The float model, every tensor in a storage of its own. */
function pickled(): Pickled {
  const names = [...float.tensors]
  return {
    tensors: Object.fromEntries(names.map(([name, { shape }]) => [name, { storage: name, shape }])),
    storages: Object.fromEntries(names.map(([name, { bytes }]) => [name, { dtype: 'BF16', bytes }])),
  }
}

/** A model folder with the configuration of the float model and these weights. */
async function folderWith(
  name: string,
  files: Readonly<Record<string, Uint8Array | string>>,
  config: object = {},
): Promise<string> {
  const folder = join(parent, name)
  await mkdir(folder)
  const json = JSON.parse(await readFile(join(source, 'config.json'), 'utf8'))
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...json, ...config }))
  for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content)
  return folder
}

/** What saving the loaded folder writes. */
async function saved(folder: string) {
  const out = `${folder}-saved`
  await using model = await AutoModelForCausalLM.fromPretrained(folder)
  await model.savePretrained(out)
  return readTensorFile(join(out, 'model.safetensors'))
}

const turn = (bytes: Uint8Array, [rows, columns]: readonly number[]): Uint8Array => {
  const [from, to] = [new Uint16Array(bytes.slice().buffer), new Uint16Array(rows! * columns!)]
  for (let row = 0; row < rows!; row++) {
    for (let column = 0; column < columns!; column++)
      to[column * rows! + row] = from[row * columns! + column]!
  }
  return new Uint8Array(to.buffer)
}

describe('a pickled folder', () => {
  test('holds the model that its safetensors twin holds, and is saved as that', async () => {
    const { tensors, storages } = pickled()
    const folder = await folderWith('plain', { 'pytorch_model.bin': torchFile(tensors, storages) })
    expect(await saved(folder)).toEqual(float)
  })

  test('may come in shards, under an index', async () => {
    const { tensors, storages } = pickled()
    const isFirst = ([name]: [string, unknown]) => name.includes('layers.0')
    const shard = (keep: boolean) => {
      const part = <T>(record: Record<string, T>) =>
        Object.fromEntries(Object.entries(record).filter((entry) => isFirst(entry) === keep))
      return torchFile(part(tensors), part(storages))
    }
    const weight_map = Object.fromEntries(
      Object.keys(tensors).map((name) => [name, isFirst([name, 0]) ? 'a.bin' : 'b.bin']),
    )
    const folder = await folderWith('sharded', {
      'pytorch_model.bin.index.json': JSON.stringify({ weight_map }),
      'a.bin': shard(true),
      'b.bin': shard(false),
    })
    expect(await saved(folder)).toEqual(float)
    expect((await inspectModel(folder)).tensors).toHaveLength(float.tensors.size)
  })

  /** Two projections as views of one storage, side by side and turned: nothing in it is contiguous. */
  function scattered(): Pickled {
    const { tensors, storages } = pickled()
    const [q, o] = ['q', 'o'].map((name) => `model.layers.0.self_attn.${name}_proj.weight`) as [
      string,
      string,
    ]
    const both = Buffer.concat(
      [q, o].map((name) => turn(float.tensors.get(name)!.bytes, float.tensors.get(name)!.shape)),
    )
    delete storages[q]
    delete storages[o]
    storages.both = { dtype: 'BF16', bytes: turn(both, [128, 64]) }
    // both [64, 128]: column c of the first half is row c of q turned, and so on.
    tensors[q] = { storage: 'both', shape: [64, 64], stride: [128, 1] }
    tensors[o] = { storage: 'both', shape: [64, 64], stride: [128, 1], offset: 64 }
    const down = 'model.layers.1.mlp.down_proj.weight'
    const { bytes, shape } = float.tensors.get(down)!
    storages[down] = { dtype: 'BF16', bytes: turn(bytes, shape) }
    tensors[down] = { storage: down, shape, stride: [1, shape[0]!] }
    return { tensors, storages }
  }

  test('may hold slices and transposed views, and is quantized from them as from whole tensors', async () => {
    const { tensors, storages } = scattered()
    const folder = await folderWith('scattered', { 'pytorch_model.bin': torchFile(tensors, storages) })
    expect(await saved(folder)).toEqual(float)
    const quantizationConfig = await recipe('int8-weight-only')
    const [ours, theirs] = [join(parent, 'scattered-int8'), join(parent, 'int8')]
    await quantizeModel(folder, ours, { quantizationConfig, maxInFlightBytes: 4096 })
    await quantizeModel(source, theirs, { quantizationConfig })
    expect(await readTensorFile(join(ours, 'model.safetensors'))).toEqual(
      await readTensorFile(join(theirs, 'model.safetensors')),
    )
    expect(await readdir(join(cacheFolder(), 'work'))).toEqual([])
  })

  test('whose views repeat a few bytes many times over is refused before they fill the disk', async () => {
    const large = 2 ** 17
    const zero = { dtype: 'BF16', bytes: new Uint8Array(2) } as const
    const tensors = [...float.tensors].map(([name, { shape }]) => {
      const stride = shape.map(() => 0)
      return [name, { storage: '0', shape: shape.map((size) => (size === 128 ? large : size)), stride }]
    })
    const folder = await folderWith(
      'expanded',
      { 'pytorch_model.bin': torchFile(Object.fromEntries(tensors), { 0: zero }) },
      { vocab_size: large, intermediate_size: large },
    )
    await expect(AutoModelForCausalLM.fromPretrained(folder)).rejects.toMatchObject({
      code: 'TENSORS_EXPANDED',
      tensor: expect.stringMatching(/\.weight$/),
      file: join(folder, 'pytorch_model.bin'),
    })
  })
})

describe('a tied head', () => {
  const tied = (): Pickled => {
    const { tensors, storages } = pickled()
    delete storages['lm_head.weight']
    return {
      tensors: { ...tensors, 'lm_head.weight': { ...tensors['model.embed_tokens.weight']! } },
      storages,
    }
  }

  test.each([
    ['that shares the storage of the embedding', (all: Pickled) => all],
    [
      'that is left out',
      ({ tensors: { 'lm_head.weight': _, ...tensors }, storages }: Pickled) => ({ tensors, storages }),
    ],
  ])('%s is tied, and saved once', async (what, change) => {
    const { tensors, storages } = change(tied())
    const folder = await folderWith(
      what.replaceAll(' ', '-'),
      { 'pytorch_model.bin': torchFile(tensors, storages) },
      { tie_word_embeddings: true },
    )
    const { 'lm_head.weight': _, ...rest } = Object.fromEntries(float.tensors)
    expect((await inspectModel(folder)).warnings).toEqual([])
    expect(Object.fromEntries((await saved(folder)).tensors)).toEqual(rest)
  })

  test('that was loaded separately stays untied, with a warning', async () => {
    const { tensors, storages } = pickled()
    const files = { 'pytorch_model.bin': torchFile(tensors, storages) }
    const folder = await folderWith('own-head', files, { tie_word_embeddings: true })
    await using model = await AutoModelForCausalLM.fromPretrained(folder)
    expect(model.warnings).toEqual([expect.stringContaining('lm_head.weight is stored apart')])
    expect(await saved(folder)).toEqual(float)
  })
})
