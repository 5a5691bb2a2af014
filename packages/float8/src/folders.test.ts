import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { registerQuantizer } from '@hfquant/core'
import {
  type CheckpointChange,
  changeCheckpoint,
  readTensorFile,
  relativeError,
  testFolder,
} from '@hfquant/testkit'
import { AutoModelForCausalLM } from '@hfquant/transformers'
import { describe, expect, test } from 'vitest'
import { fbgemmFp8, fp8 } from './index.js'
import { golden } from './testing/golden.fixture.js'

registerQuantizer(fp8)
registerQuantizer(fbgemmFp8)
const folder = testFolder()

const tensorsOf = async (path: string, file: string) =>
  (await readTensorFile(join(path, `${file}.safetensors`))).tensors

async function logitsOf(
  path: string,
  from: string,
  compute: 'exact' | 'fast' = 'exact',
): Promise<Float32Array> {
  const { shape, bytes } = (await tensorsOf(from, 'expected')).get('input_ids')!
  const ids = Array.from(new BigInt64Array(bytes.buffer), Number)
  const inputIds = Array.from({ length: shape[0]! }, (_, row) =>
    ids.slice(row * shape[1]!, (row + 1) * shape[1]!),
  )
  await using model = await AutoModelForCausalLM.fromPretrained(path, { compute })
  return (await model.forward({ inputIds })).logits
}

const expectedOf = async (path: string) => {
  const { bytes } = (await tensorsOf(path, 'expected')).get('logits')!
  return new Float32Array(bytes.buffer)
}

const configOf = async (path: string) => JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))

describe.each([
  ['tiny-llama-fp8-b32', 0.05],
  ['tiny-llama-fp8-edge', 0.05],
  ['tiny-llama-fp8-static', 0.05],
  ['tiny-llama-fp8-autofp8', 0.05],
  ['tiny-llama-fbgemm-fp8', 0.05],
  // A token near the border between two experts may be sent to the other one.
  ['tiny-qwen3_moe-fp8', 0.1],
] as const)('%s', (name, fastError) => {
  const source = golden(name)

  test('gives the logits of its weights, exactly and fast', async () => {
    const wanted = await expectedOf(source)
    expect(relativeError(await logitsOf(source, source), wanted)).toBeLessThan(2e-5)
    expect(relativeError(await logitsOf(source, source, 'fast'), wanted)).toBeLessThan(fastError)
  })

  test('is saved as it came, to the bit, with the scales of activations', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(source)
    const saved = join(folder, name)
    await model.savePretrained(saved)
    expect(await tensorsOf(saved, 'model')).toEqual(await tensorsOf(source, 'model'))
    expect((await configOf(saved)).quantization_config).toEqual((await configOf(source)).quantization_config)
    expect(model.warnings).toEqual([])
  })
})

test.each(['tiny-llama-fp8-b32', 'tiny-llama-fp8-static', 'tiny-llama-fbgemm-fp8'])(
  '%s is known by its tensors where config.json does not say what it is',
  async (name) => {
    const source = golden(name)
    const path = await changeCheckpoint(
      source,
      join(folder, `unsaid-${name}`),
      (_, config) => void delete config.quantization_config,
    )
    expect(relativeError(await logitsOf(path, source), await expectedOf(source))).toBeLessThan(2e-5)
  },
)

describe('is refused:', () => {
  const path = 'model.layers.1.mlp.up_proj'
  const scales = `${path}.weight_scale_inv`
  const block = (json: object) => (_: unknown, config: Record<string, unknown>) => {
    config.quantization_config = { ...(config.quantization_config as object), ...json }
  }
  const scale =
    (value: number): CheckpointChange =>
    (tensors) => {
      const values = new Float32Array(tensors.get(scales)!.bytes.slice().buffer)
      values[1] = value
      tensors.set(scales, { ...tensors.get(scales)!, bytes: new Uint8Array(values.buffer) })
    }

  test.each<readonly [string, CheckpointChange, object]>([
    ['a scale of 0', scale(0), { code: 'SCALE_INVALID', tensor: scales, found: 0 }],
    ['a negative scale', scale(-1), { code: 'SCALE_INVALID', tensor: scales }],
    [
      'a scale that is infinite',
      scale(Number.POSITIVE_INFINITY),
      { code: 'TENSOR_NOT_FINITE', tensor: scales },
    ],
    [
      'a weight without a scale',
      (tensors) => void tensors.delete(scales),
      { code: 'TENSOR_MISSING', tensor: scales },
    ],
    [
      'another size of blocks than that of the scales',
      block({ weight_block_size: [64, 64] }),
      { code: 'TENSOR_MISMATCH', tensor: 'model.layers.0.self_attn.q_proj.weight_scale_inv' },
    ],
    [
      'blocks without a size',
      block({ weight_block_size: null }),
      { code: 'TENSOR_MISMATCH', tensor: 'model.layers.0.self_attn.q_proj.weight_scale_inv' },
    ],
    [
      'e5m2 where e4m3 is promised',
      (tensors) => {
        tensors.set(`${path}.weight`, { ...tensors.get(`${path}.weight`)!, dtype: 'F8_E5M2' })
      },
      { code: 'TENSOR_MISMATCH', tensor: `${path}.weight`, found: 'float8_e5m2 [128, 64]' },
    ],
    [
      'a dtype of AMD',
      (tensors) => {
        tensors.set(`${path}.weight`, { ...tensors.get(`${path}.weight`)!, dtype: 'F8_E4M3FNUZ' })
      },
      { code: 'TENSOR_MISMATCH', tensor: `${path}.weight` },
    ],
    ['a block of no size', block({ weight_block_size: [32, 0] }), { field: 'weight_block_size' }],
    ['one number for a block', block({ weight_block_size: 32 }), { field: 'weight_block_size' }],
    [
      'a code that is no number',
      (tensors) => {
        const weight = tensors.get(`${path}.weight`)!
        tensors.set(`${path}.weight`, { ...weight, bytes: weight.bytes.slice().fill(0x7f, 70, 71) })
      },
      { code: 'TENSOR_NOT_FINITE', tensor: `${path}.weight` },
    ],
  ])('%s', async (name, change, error) => {
    const source = await changeCheckpoint(golden('tiny-llama-fp8-b32'), join(folder, name), change)
    const forward = async () => {
      await using model = await AutoModelForCausalLM.fromPretrained(source)
      await model.forward({ inputIds: [[1, 2]] })
    }
    await expect(forward()).rejects.toMatchObject(error)
  })
})
