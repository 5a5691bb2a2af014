import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeSafetensors } from '@hfquant/safetensors'
import { afterAll, describe, expect, test } from 'vitest'
import { temporaryFolder, writeTinyCheckpoint } from '../testing/tiny-model.fixture.js'
import { openCheckpoint } from './open-checkpoint.js'
import { findWeights, type WeightRequest } from './weight-files.js'

const parent = temporaryFolder(afterAll)
let count = 0

/** A folder with files of one tensor each, which is named after the file, and indexes by the shard that they name. */
async function folderWith(
  files: readonly string[],
  indexes: Readonly<Record<string, string>> = {},
): Promise<string> {
  const folder = join(parent, String(count++))
  await mkdir(folder)
  for (const file of files) {
    const tensor = { name: file, dtype: 'U8', shape: [1], data: Uint8Array.of(1) } as const
    await writeSafetensors(join(folder, file), [tensor])
  }
  for (const [index, shard] of Object.entries(indexes)) {
    await writeFile(join(folder, index), JSON.stringify({ weight_map: { [shard]: shard } }))
  }
  return folder
}

async function read(folder: string, request?: WeightRequest) {
  await using checkpoint = await openCheckpoint(folder, request)
  return { tensors: [...checkpoint.tensors.keys()], warnings: checkpoint.warnings }
}

const INDEX = 'model.safetensors.index.json'
const SHARD = 'model-00001-of-00001.safetensors'

describe('of several weights in a folder the ones are read that transformers reads', () => {
  const order = ['model.safetensors', INDEX, 'pytorch_model.bin', 'pytorch_model.bin.index.json']
  test.each(order)('%s is chosen before the next ones', async (name) => {
    const folder = await folderWith([])
    for (const file of order.slice(order.indexOf(name))) await writeFile(join(folder, file), '')
    expect((await findWeights(folder, {})).path).toBe(join(folder, name))
  })

  test('one file goes before an index, and a word says that both are there', async () => {
    const folder = await folderWith(['model.safetensors', SHARD], { [INDEX]: SHARD })
    const { tensors, warnings } = await read(folder)
    expect(tensors).toEqual(['model.safetensors'])
    expect(warnings).toEqual([expect.stringContaining(`holds model.safetensors and ${INDEX}`)])
  })

  test('even if the shards of the index are gone', async () => {
    const folder = await folderWith(['model.safetensors'], { [INDEX]: SHARD })
    expect((await read(folder)).tensors).toEqual(['model.safetensors'])
  })

  test('an index of safetensors files goes before a pickled file, which is not worth a word', async () => {
    const folder = await folderWith([SHARD], { [INDEX]: SHARD })
    await writeFile(join(folder, 'pytorch_model.bin'), '')
    expect(await read(folder)).toEqual({ tensors: [SHARD], warnings: [] })
  })

  test('preferred names go first, shards included', async () => {
    const shard = 'older_model-4bit-16g-00001-of-00001.safetensors'
    const folder = await folderWith([shard, 'model.safetensors'], {
      'older_model-4bit-16g.safetensors.index.json': shard,
    })
    const preferred = ['older_model-4bit-16g.safetensors', 'older_model-4bit-16g.safetensors.index.json']
    const { tensors, warnings } = await read(folder, { preferred })
    expect(tensors).toEqual([shard])
    expect(warnings).toEqual([expect.stringContaining('model.safetensors')])
  })

  test('transformers_weights goes before everything', async () => {
    const folder = await folderWith(['model.safetensors', 'second.safetensors'], {
      'third.safetensors.index.json': 'second.safetensors',
    })
    for (const named of ['second.safetensors', 'third.safetensors.index.json']) {
      expect((await read(folder, { named })).tensors).toEqual(['second.safetensors'])
    }
  })
})

describe('what cannot be chosen is refused with what would be read and what is there', () => {
  test.each([
    [{ named: 'gone.safetensors' }, 'WEIGHTS_NOT_FOUND', /transformers_weights "gone.safetensors".*v2/],
    [{ named: 'model.bin' }, 'FIELD_VALUE', /transformers_weights "model.bin"/],
    [{ named: ['v2.safetensors'] }, 'FIELD_VALUE', /transformers_weights \["v2.safetensors"\]/],
    [{ named: '../0/model.safetensors' }, 'WEIGHTS_PATH_ESCAPES', /leads out of the model folder/],
    [{ named: '/etc/model.safetensors' }, 'WEIGHTS_PATH_ESCAPES', /leads out of the model folder/],
    [{ preferred: ['a/../../x.safetensors'] }, 'WEIGHTS_PATH_ESCAPES', /model_file_base_name/],
    [{}, 'WEIGHTS_NOT_FOUND', /none of model.safetensors,.*files there are v2.safetensors/],
  ])('%j', async (request, code, message) => {
    const folder = await folderWith(['v2.safetensors'])
    await expect(read(folder, request)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  })

  test.each([
    [['model.fp16.safetensors'], '"transformers_weights": "model.fp16.safetensors"'],
    [['weights-00001-of-00002.safetensors'], '"transformers_weights": "weights.safetensors.index.json"'],
    [['adapter_model.safetensors'], 'adapter'],
  ])('%j: the hint tells how to read them', async (files, hint) => {
    const folder = await folderWith(files)
    await expect(read(folder)).rejects.toMatchObject({ hint: expect.stringContaining(hint) })
  })

  test('pickled files under other names are named, not opened', async () => {
    const folder = await folderWith([])
    await writeFile(join(folder, 'consolidated.00.pth'), 'neither a header nor a zip')
    await expect(read(folder)).rejects.toMatchObject({
      code: 'WEIGHTS_PICKLED',
      message: expect.stringContaining('consolidated.00.pth'),
      hint: expect.stringContaining('rename the state dict to pytorch_model.bin'),
    })
  })

  test('an index whose shards are not there', async () => {
    const folder = await folderWith(['other.safetensors'], { [INDEX]: SHARD })
    await expect(read(folder)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringMatching(/names model-00001-of-00001.safetensors.*there are .*other.safetensors/),
    })
  })
})

test('the dtype of an index is handed on as it stands there', async () => {
  const folder = await folderWith([SHARD], { [INDEX]: SHARD })
  const dtypeOf = async () => {
    await using checkpoint = await openCheckpoint(folder)
    return checkpoint.indexDtype
  }
  expect(await dtypeOf()).toBeUndefined()
  await writeFile(
    join(folder, INDEX),
    JSON.stringify({ metadata: { dtype: 'int8' }, weight_map: { [SHARD]: SHARD } }),
  )
  expect(await dtypeOf()).toBe('int8')
})

test('a folder called like a weight file is none', async () => {
  const folder = await writeTinyCheckpoint(join(parent, 'model'))
  const moved = join(parent, 'moved')
  await cp(folder, moved, { recursive: true })
  await rm(join(moved, 'model.safetensors'))
  await mkdir(join(moved, 'model.safetensors'))
  await expect(read(moved)).rejects.toMatchObject({ code: 'WEIGHTS_NOT_FOUND' })
})
