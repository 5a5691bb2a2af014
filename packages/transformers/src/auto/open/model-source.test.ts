import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { enterFolder, type ModelSource } from './model-source.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-source-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

let count = 0
/** A folder of files with these names, all empty. */
async function folderOf(...names: readonly string[]): Promise<string> {
  const folder = join(parent, String(count++))
  for (const path of names.map((name) => join(folder, name))) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, '')
  }
  return folder
}

describe('a model that exists only compiled', () => {
  const compiledIn = (folder: string, graph: string) => ({
    name: 'CapabilityError',
    code: 'MODEL_COMPILED_ONLY',
    file: join(folder, graph),
    hint: expect.stringContaining('Quantize the checkpoint'),
  })

  test.each([
    ['without further arguments', {}],
    ['with a quantization', { quantize: 'int8' }],
    ['with a value that would be refused otherwise', { quantize: 'fp16' }],
    ['with one of a wrong type', { quantize: true }],
    ['with an unknown option', { quantise: 'int8' }],
  ])('is refused as such first, %s', async (_what, options) => {
    const graph = join('onnx', 'model.onnx')
    const folder = await folderOf('config.json', 'generation_config.json', graph)
    await expect(enterFolder(folder, options as object)).rejects.toMatchObject(compiledIn(folder, graph))
  })

  test('is refused also where the graph lies beside config.json, and before a folder is located', async () => {
    const name = await folderOf('config.json', 'model_q4.onnx')
    const source = { name, locate: () => Promise.reject(new Error('was looked for')) }
    await expect(enterFolder(source, {})).rejects.toMatchObject(compiledIn(name, 'model_q4.onnx'))
  })

  test.each([
    'model.safetensors',
    'model.safetensors.index.json',
    'pytorch_model.bin',
    'pytorch_model.bin.index.json',
    join('checkpoints', 'checkpoint-1', 'model.safetensors'),
  ])('is not the same as a model that has a compiled copy beside %s', async (weights) => {
    const folder = await folderOf('config.json', weights, 'model.onnx')
    expect(await enterFolder(folder, {})).toBe(folder)
  })
})

describe('what finds the folder', () => {
  const located: ModelSource = { name: 'organisation/name', locate: async () => '/models/name' }
  const never: ModelSource = { ...located, locate: () => Promise.reject(new Error('was looked for')) }

  test('is asked once the options are known to be right', async () => {
    expect(await enterFolder(located, { quantize: 'int8' })).toBe('/models/name')
    await expect(enterFolder(never, { quantize: 'fp16' })).rejects.toMatchObject({
      code: 'PRECISION_IS_NOT_QUANTIZATION',
    })
  })

  test('is not asked when the caller has given up', async () => {
    const reason = new Error('enough')
    await expect(enterFolder(never, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

test.each([undefined, null, 5, { name: 5 }])('a model that is %j is a typed error', async (source) => {
  await expect(enterFolder(source as never, {})).rejects.toMatchObject({
    ...{ name: 'ConfigError', code: 'MODEL_TYPE', field: 'model' },
  })
})
