import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { registerLazyQuantizer } from '@hfquant/core/runtime'
import {
  type CheckpointChange,
  changeCheckpoint,
  readTensorFile,
  relativeError,
  testFolder,
} from '@hfquant/testkit'
import { AutoModelForCausalLM } from '@hfquant/transformers'
import { describe, expect, test } from 'vitest'
import { awq } from './index.js'
import { signs } from './signs.js'
import { golden } from './testing/golden.fixture.js'

// As hfquant does it: a block of AutoRound names no method that there is, and is claimed.
for (const own of signs) registerLazyQuantizer({ ...own, packageName: '@hfquant/awq', load: async () => awq })
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

const expectedOf = async (path: string) =>
  new Float32Array((await tensorsOf(path, 'expected')).get('logits')!.bytes.buffer)

const configOf = async (path: string) => JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))

describe.each(['tiny-llama-awq-g32', 'tiny-qwen2-awq-g64', 'tiny-llama-auto-round-awq'])('%s', (name) => {
  const source = golden(name)

  test('gives the logits of its weights, exactly and fast', async () => {
    const wanted = await expectedOf(source)
    expect(relativeError(await logitsOf(source, source), wanted)).toBeLessThan(2e-5)
    // What rounding activations to int8 costs, over all layers.
    expect(relativeError(await logitsOf(source, source, 'fast'), wanted)).toBeLessThan(0.03)
  })

  test('is saved as it came, to the bit', async () => {
    await using model = await AutoModelForCausalLM.fromPretrained(source)
    const saved = join(folder, name)
    await model.savePretrained(saved)
    expect(await tensorsOf(saved, 'model')).toEqual(await tensorsOf(source, 'model'))
    expect((await configOf(saved)).quantization_config).toEqual((await configOf(source)).quantization_config)
    expect(model.warnings).toEqual([])
  })
})

test.each<readonly [string, CheckpointChange]>([
  ['loses its config', (_, config) => void delete config.quantization_config],
  [
    'has the config of the first releases',
    (_, config) => {
      config.quantization_config = {
        ...{ quant_method: 'awq', zero_point: true, q_group_size: 32, w_bit: 4, version: 'GEMM' },
      }
    },
  ],
  [
    'has the config of transformers, which keeps all of GPTQ in it',
    (_, config) => {
      const gptq = {
        sym: true,
        desc_act: false,
        damp_percent: 0.1,
        dataset: null,
        meta: null,
        lm_head: false,
      }
      const block = { quant_method: 'awq', bits: 4, group_size: 32, zero_point: true, format: 'gemm' }
      config.quantization_config = { ...block, ...gptq, backend: 'auto' }
    },
  ],
])('a checkpoint that %s is read', async (name, change) => {
  const source = golden('tiny-llama-awq-g32')
  const path = await changeCheckpoint(source, join(folder, name), change)
  expect(relativeError(await logitsOf(path, source), await expectedOf(source))).toBeLessThan(2e-5)
})

describe('is refused:', () => {
  const path = 'model.layers.1.mlp.up_proj'
  const block = (json: object) => (_: unknown, config: Record<string, unknown>) => {
    config.quantization_config = { ...(config.quantization_config as object), ...json }
  }
  const reshape =
    (key: string, shape: readonly number[]): CheckpointChange =>
    (tensors) => {
      const bytes = tensors.get(`${path}.${key}`)!.bytes.slice(0, shape.reduce((a, b) => a * b) * 4)
      tensors.set(`${path}.${key}`, { dtype: 'I32', shape, bytes })
    }
  const scale =
    (bits: number): CheckpointChange =>
    (tensors) => {
      const tensor = tensors.get(`${path}.scales`)!
      const values = new Uint16Array(tensor.bytes.slice().buffer)
      values[5] = bits
      tensors.set(`${path}.scales`, { ...tensor, bytes: new Uint8Array(values.buffer) })
    }

  test.each<readonly [string, CheckpointChange, object]>([
    ['a scale that is no number', scale(0x7e00), { code: 'TENSOR_NOT_FINITE', tensor: `${path}.scales` }],
    ['a scale that is infinite', scale(0xfc00), { code: 'TENSOR_NOT_FINITE', tensor: `${path}.scales` }],
    [
      'a weight without zero points',
      (tensors) => void tensors.delete(`${path}.qzeros`),
      { code: 'TENSOR_MISSING', tensor: `${path}.qzeros` },
    ],
    [
      'a weight without scales',
      (tensors) => void tensors.delete(`${path}.scales`),
      { code: 'TENSOR_MISSING', tensor: `${path}.scales` },
    ],
    [
      'codes of fewer columns',
      reshape('qweight', [32, 16]),
      { code: 'TENSOR_MISMATCH', module: path, found: 'int32 [32, 16]', expected: 'int32 [64, 16]' },
    ],
    [
      'zero points of fewer groups',
      reshape('qzeros', [1, 16]),
      { code: 'TENSOR_MISMATCH', tensor: `${path}.qzeros`, expected: 'int32 [2, 16]' },
    ],
    [
      'groups of another size than those of the scales',
      block({ group_size: 64 }),
      { code: 'TENSOR_MISMATCH', expected: expect.stringContaining('[1, 64]') },
    ],
    [
      'groups that do not divide the columns',
      block({ group_size: 48 }),
      { code: 'TENSOR_MISMATCH', message: expect.stringContaining('groups of 48') },
    ],
  ])('%s', async (name, change, error) => {
    const source = await changeCheckpoint(golden('tiny-llama-awq-g32'), join(folder, name), change)
    await expect(AutoModelForCausalLM.fromPretrained(source)).rejects.toMatchObject(error)
  })
})
