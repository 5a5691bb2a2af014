import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { findModel } from './find-model.js'

const parent = temporaryFolder(afterAll)
const BLOCK = { quant_method: 'magic' }

let count = 0
/** A folder of these files: objects as JSON, texts as they are. Weights are looked for by name, and never opened. */
async function folderOf(files: Readonly<Record<string, object | string>>): Promise<string> {
  const folder = join(parent, String(count++))
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
  }
  return folder
}

describe('a model folder', () => {
  test('has everything in it', async () => {
    const folder = await folderOf({
      'config.json': { a: 1, quantization_config: BLOCK },
      'model.safetensors': '',
    })
    const path = join(folder, 'config.json')
    expect(await findModel(folder)).toMatchObject({
      ...{ folder, weightsFolder: folder, warnings: [] },
      configFile: { path, value: { a: 1 } },
      quantization: { json: BLOCK, path },
    })
  })

  test.each([{}, { quantization_config: null }])('of a float model has no block: %j', async (config) => {
    const { quantization, warnings } = await findModel(await folderOf({ 'config.json': config }))
    expect({ quantization, warnings }).toEqual({ quantization: undefined, warnings: [] })
  })

  test('without config.json is refused with what to name', async () => {
    const folder = await folderOf({ 'model.safetensors': '' })
    await expect(findModel(folder)).rejects.toMatchObject({
      ...{ name: 'CheckpointError', code: 'FILE_NOT_FOUND' },
      message: expect.stringContaining(join(folder, 'config.json')),
      hint: expect.stringContaining('Name a model folder'),
    })
  })
})

describe('the block', () => {
  const sidecars = ['quantize_config.json', 'quant_config.json', 'quantization_config.json']

  test.each(sidecars)('may stand in %s', async (name) => {
    const folder = await folderOf({ 'config.json': {}, [name]: BLOCK })
    expect((await findModel(folder)).quantization).toEqual({ json: BLOCK, path: join(folder, name) })
  })

  test('may have the name that it had before 2025, and is written back under the current one', async () => {
    const found = await findModel(await folderOf({ 'config.json': { a: 1, compression_config: BLOCK } }))
    expect(found.quantization?.json).toEqual(BLOCK)
    expect(found.configFile.value).toEqual({ a: 1, quantization_config: BLOCK })
    expect([...found.configFile.document.entries.keys()]).toEqual(['a', 'quantization_config'])
    const both = { quantization_config: BLOCK, compression_config: { quant_method: 'other' } }
    const current = await findModel(await folderOf({ 'config.json': both }))
    expect(current.quantization?.json).toEqual(BLOCK)
    // A model that is saved in float loses the current block: the older one must not come in its place.
    expect([...current.configFile.document.entries.keys()]).toEqual(['quantization_config'])
  })

  test('of config.json goes before theirs, and theirs in that order', async () => {
    const files = Object.fromEntries(sidecars.map((name) => [name, { quant_method: name }]))
    const all = await folderOf({ 'config.json': { quantization_config: BLOCK }, ...files })
    expect((await findModel(all)).quantization?.json).toEqual(BLOCK)
    const { quantization } = await findModel(await folderOf({ 'config.json': {}, ...files }))
    expect(quantization?.json).toEqual({ quant_method: sidecars[0] })
  })

  test('that cannot be read is an error: its model would be taken for a float one', async () => {
    const folder = await folderOf({ 'config.json': {}, 'quant_config.json': '{' })
    await expect(findModel(folder)).rejects.toMatchObject({
      ...{ code: 'JSON_INVALID', file: join(folder, 'quant_config.json') },
    })
  })
})

describe('a checkpoint in a folder called checkpoints', () => {
  const WEIGHTS = 'checkpoints/checkpoint-7/model.safetensors'
  const OWN_CONFIG = 'checkpoints/checkpoint-7/config.json'
  const checkpointOf = (root: string) => join(root, 'checkpoints', 'checkpoint-7')

  test('has its configuration two levels up', async () => {
    const root = await folderOf({ 'config.json': { quantization_config: BLOCK }, [WEIGHTS]: '' })
    expect(await findModel(checkpointOf(root))).toMatchObject({
      ...{ folder: root, weightsFolder: checkpointOf(root), warnings: [] },
      quantization: { json: BLOCK, path: join(root, 'config.json') },
    })
  })

  test('has only the block there when it has a config.json without one', async () => {
    const config = { quantization_config: BLOCK, of: 'root' }
    const root = await folderOf({ 'config.json': config, [OWN_CONFIG]: { of: 'checkpoint' }, [WEIGHTS]: '' })
    expect(await findModel(checkpointOf(root))).toMatchObject({
      folder: checkpointOf(root),
      configFile: { value: { of: 'checkpoint' } },
      quantization: { json: BLOCK, path: join(root, 'config.json') },
    })
  })

  test('has its own block when both have one', async () => {
    const own = { quantization_config: BLOCK }
    const other = { quantization_config: { quant_method: 'other' } }
    const root = await folderOf({ 'config.json': other, [OWN_CONFIG]: own, [WEIGHTS]: '' })
    expect((await findModel(checkpointOf(root))).quantization?.json).toEqual(BLOCK)
  })

  test('may have a damaged config.json, which is worth a warning; two of them are an error', async () => {
    const root = await folderOf({
      'config.json': { quantization_config: BLOCK },
      [OWN_CONFIG]: '{',
      [WEIGHTS]: '',
    })
    expect(await findModel(checkpointOf(root))).toMatchObject({
      ...{ folder: root, quantization: { json: BLOCK } },
      warnings: [expect.stringContaining(join(root, OWN_CONFIG))],
    })
    await writeFile(join(root, 'config.json'), '{')
    await expect(findModel(checkpointOf(root))).rejects.toMatchObject({
      ...{ code: 'JSON_INVALID', file: join(root, OWN_CONFIG) },
    })
  })

  test('of any other name stands alone', async () => {
    const root = await folderOf({ 'config.json': {}, 'others/checkpoint-7/model.safetensors': '' })
    const folder = join(root, 'others', 'checkpoint-7')
    await expect(findModel(folder)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining(join(folder, 'config.json')),
    })
  })
})

describe('a folder without weights of its own stands for its latest checkpoint', () => {
  const weightsOf = (step: number) => `checkpoints/checkpoint-${step}/pytorch_model.bin`
  const training = {
    'config.json': {},
    [weightsOf(20)]: '',
    [weightsOf(3)]: '',
    'checkpoints/notes/a.txt': '',
  }
  const at = (root: string, step: number) => dirname(join(root, weightsOf(step)))

  test('that of the last step', async () => {
    const root = await folderOf(training)
    expect(await findModel(root)).toMatchObject({ folder: root, weightsFolder: at(root, 20) })
  })

  test('or that whose manifest was written last; one that is named is honoured', async () => {
    const root = await folderOf(training)
    const manifestOf = (step: number) => join(at(root, step), 'checkpoint_manifest.json')
    await writeFile(manifestOf(3), '{}')
    expect((await findModel(root)).weightsFolder).toBe(at(root, 3))
    await writeFile(manifestOf(20), '{}')
    await utimes(manifestOf(20), 1, 1)
    expect((await findModel(root)).weightsFolder).toBe(at(root, 3))
    expect((await findModel(at(root, 20))).weightsFolder).toBe(at(root, 20))
  })

  test('and not where there are some beside config.json', async () => {
    const root = await folderOf({ ...training, 'model.safetensors': '' })
    expect((await findModel(root)).weightsFolder).toBe(root)
  })
})
