import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { registerQuantizer } from '@hfquant/core'
import {
  type CheckpointChange,
  changeCheckpoint,
  readExpected,
  readTensorFile,
  relativeError,
  type StoredTensor,
  testFolder,
} from '@hfquant/testkit'
import { AutoModelForCausalLM, quantizeModel } from '@hfquant/transformers'
import { describe, expect, test } from 'vitest'
import { QuantoConfig, quanto } from './index.js'
import { golden } from './testing/golden.fixture.js'

registerQuantizer(quanto)
const folder = testFolder()

const tensorsOf = async (path: string) => (await readTensorFile(join(path, 'model.safetensors'))).tensors
const jsonOf = async (path: string, name: string) => JSON.parse(await readFile(join(path, name), 'utf8'))

async function errorOf(path: string, from: string, compute: 'exact' | 'fast'): Promise<number> {
  const { sequences, logits } = await readExpected(from)
  await using model = await AutoModelForCausalLM.fromPretrained(path, { compute })
  const found = await model.forward({ inputIds: sequences.map((ids) => [...ids]) })
  return relativeError(found.logits, logits)
}

describe.each(['tiny-llama-quanto-int8', 'tiny-llama-quanto-int4', 'tiny-llama-quanto-float8'])(
  '%s',
  (name) => {
    const source = golden(name)

    test('gives the logits of its weights, exactly and fast', async () => {
      expect(await errorOf(source, source, 'exact')).toBeLessThan(2e-5)
      // The model has a channel of large activations, which 8 bits round coarsely whatever the weights are.
      expect(await errorOf(source, source, 'fast')).toBeLessThan(0.08)
    })

    test('is saved as it came: tensors to the bit, the map in its file, no block in config.json', async () => {
      await using model = await AutoModelForCausalLM.fromPretrained(source)
      const saved = join(folder, name)
      await model.savePretrained(saved)
      expect(await tensorsOf(saved)).toEqual(await tensorsOf(source))
      for (const file of ['quanto_qmap.json', 'config.json'])
        expect(await jsonOf(saved, file)).toEqual(await jsonOf(source, file))
      const others = model.warnings.filter((warning) => !warning.startsWith('activations of'))
      expect(others).toEqual([])
    })
  },
)

test.each(['tiny-llama-quanto-int4', 'tiny-llama-quanto-float8'])(
  '%s is known by its tensors where the map is lost, and gets one when it is saved',
  async (name) => {
    const source = golden(name)
    const path = await changeCheckpoint(source, join(folder, `lost-${name}`), () => {})
    await using model = await AutoModelForCausalLM.fromPretrained(path)
    const saved = join(folder, `found-${name}`)
    await model.savePretrained(saved)
    const types = (map: Record<string, { weights: string }>) =>
      Object.entries(map).map(([module, { weights }]) => [module, weights])
    const [found, wanted] = [
      await jsonOf(saved, 'quanto_qmap.json'),
      await jsonOf(source, 'quanto_qmap.json'),
    ]
    expect(types(found).sort()).toEqual(types(wanted).sort())
    expect(await tensorsOf(saved)).toEqual(await tensorsOf(source))
  },
)

test.each([
  ['int8', 'float32'],
  ['int4', 'float16'],
] as const)('a float model becomes the folder of Python: %s of %s', async (weights, dtype) => {
  const float = fileURLToPath(new URL('../../../goldens/gptq/tiny-llama-fp32', import.meta.url))
  const [made, wanted] = [join(folder, `made-${weights}`), golden(`tiny-llama-quanto-${weights}`)]
  await quantizeModel(float, made, { quantizationConfig: new QuantoConfig({ weights }), dtype })
  expect(await tensorsOf(made)).toEqual(await tensorsOf(wanted))
  expect(await jsonOf(made, 'quanto_qmap.json')).toEqual(await jsonOf(wanted, 'quanto_qmap.json'))
  expect(await jsonOf(made, 'config.json')).not.toHaveProperty('quantization_config')
})

test('inputs of a layer are quantized with the scale of the file where the map says so', async () => {
  const source = golden('tiny-llama-quanto-int8')
  const map = await jsonOf(source, 'quanto_qmap.json')
  for (const types of Object.values<Record<string, string>>(map)) types.activations = 'qint8'
  const withScale = async (scale: number) => {
    const path = await changeCheckpoint(source, join(folder, `scale-${scale}`), (tensors) => {
      for (const [name, tensor] of tensors) {
        const bytes = new Uint8Array(Float32Array.of(scale).buffer)
        if (name.endsWith('.input_scale')) tensors.set(name, { ...tensor, bytes })
      }
    })
    await writeFile(join(path, 'quanto_qmap.json'), JSON.stringify(map))
    return errorOf(path, source, 'fast')
  }
  expect(await withScale(0.1)).toBeLessThan(0.2)
  // Every input is rounded to 0.
  expect(await withScale(1000)).toBeGreaterThan(0.5)
  await expect(withScale(0)).rejects.toMatchObject({ code: 'SCALE_INVALID' })
})

describe('is refused before a weight is used:', () => {
  const path = 'model.layers.1.mlp.up_proj'
  const codes = `${path}.weight._data._data`
  const scale = `${path}.weight._scale`
  const cut =
    (key: string, axis: number, size: number): CheckpointChange =>
    (tensors) => {
      const { dtype, shape, bytes } = tensors.get(key)!
      const cutShape = shape.map((old, at) => (at === axis ? size : old))
      tensors.set(key, {
        dtype,
        shape: cutShape,
        bytes: bytes.slice(0, (bytes.length * size) / shape[axis]!),
      })
    }
  const change =
    (key: string, edit: (tensor: StoredTensor) => StoredTensor): CheckpointChange =>
    (tensors) =>
      void tensors.set(key, edit(tensors.get(key)!))

  type Change = (...args: [...Parameters<CheckpointChange>, map: Record<string, object>]) => void

  test.each<readonly [string, Change, object]>([
    ['codes of another number of rows', cut(codes, 0, 32), { code: 'TENSOR_MISMATCH', tensor: codes }],
    [
      'groups that do not divide a row',
      change(codes, ({ bytes, ...codes }) => ({ ...codes, shape: [32, 128], bytes })),
      { code: 'TENSOR_MISMATCH', tensor: codes },
    ],
    ['scales of other groups', cut(scale, 0, 64), { code: 'TENSOR_MISMATCH', tensor: scale }],
    [
      'a scale that is no number',
      change(scale, ({ bytes, ...rest }) => ({ ...rest, bytes: bytes.slice().fill(0x7e, 6, 8) })),
      { code: 'TENSOR_NOT_FINITE', tensor: scale },
    ],
    [
      'no shifts',
      (tensors) => void tensors.delete(`${path}.weight._shift`),
      { code: 'TENSOR_MISSING', tensor: `${path}.weight._shift` },
    ],
    [
      'a module of the map without tensors',
      (tensors) => void tensors.delete(codes),
      { code: 'TENSOR_MISSING', module: path, tensor: codes },
    ],
    [
      'a module with tensors that the map does not name',
      (_, __, map) => void delete map[path],
      {
        code: 'CONFIG_CONTRADICTS_TENSORS',
        module: path,
        message: expect.stringContaining('quanto_qmap.json'),
      },
    ],
    [
      'a module whose tensors are of another type than the map says',
      (_, __, map) => {
        map[path] = { weights: 'qint2' }
      },
      { code: 'TENSOR_MISMATCH', module: path, tensor: codes },
    ],
    [
      'a type of AMD',
      (_, __, map) => {
        map[path] = { weights: 'qfloat8_e4m3fnuz' }
      },
      { code: 'FIELD_VALUE', field: `${path}.weights`, file: expect.stringContaining('quanto_qmap.json') },
    ],
  ])('%s', async (name, edit, error) => {
    const source = golden('tiny-llama-quanto-int4')
    const map = await jsonOf(source, 'quanto_qmap.json')
    const changed = await changeCheckpoint(source, join(folder, name), (tensors, config) =>
      edit(tensors, config, map),
    )
    await writeFile(join(changed, 'quanto_qmap.json'), JSON.stringify(map))
    await expect(AutoModelForCausalLM.fromPretrained(changed)).rejects.toMatchObject(error)
  })
})
