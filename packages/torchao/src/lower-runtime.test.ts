import type { Checkpoint } from '@hfquant/core/runtime'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  convert,
  Int4WeightOnlyConfig,
  Int8DynamicActivationInt8WeightConfig,
  type Int8DynamicActivationInt8WeightOptions,
  Int8WeightOnlyConfig,
  IntxWeightOnlyConfig,
  perGroup,
  perRow,
  perTensor,
  type TorchAoBaseConfig,
} from './index.js'
import { goldenFloats, openGolden } from './testing/golden.fixture.js'
import { lookUp, multiply } from './testing/run-graph.fixture.js'

let golden: Checkpoint
beforeAll(async () => {
  golden = await openGolden('int8_dynamic_activation_int8_weight.safetensors')
})
afterAll(() => golden.close())

describe('products of int8 activations and int8 weights equal the reference data, bit for bit', () => {
  test.each<readonly [string, Int8DynamicActivationInt8WeightOptions]>([
    ['sym', {}],
    ['asym', { actMappingType: 'ASYMMETRIC' }],
    ['sym_reduced', { reduceRange: true }],
    ['asym_reduced', { actMappingType: 'ASYMMETRIC', reduceRange: true }],
  ])('%s', async (scheme, options) => {
    const [values, x, expected] = await Promise.all(
      ['w', 'x', `${scheme}.y`].map((name) => goldenFloats(golden, `f32.${name}`)),
    )
    const config = new Int8DynamicActivationInt8WeightConfig(options)
    const y = await multiply(config, { values: values!, outFeatures: 8, inFeatures: 64 }, x!)
    expect(y).toEqual(expected)
  })

  test('a token of zeros gives zeros, beside tokens of any size', async () => {
    const values = await goldenFloats(golden, 'f32.w')
    const x = new Float32Array(3 * 64)
    x.fill(1e30, 64, 128).fill(1e-30, 128)
    const config = new Int8DynamicActivationInt8WeightConfig()
    const y = await multiply(config, { values, outFeatures: 8, inFeatures: 64 }, x)
    expect([...y.subarray(0, 8)].every((value) => value === 0)).toBe(true)
    expect(y.every(Number.isFinite)).toBe(true)
  })
})

const [OUT, IN, TOKENS] = [96, 512, 5]
const wave = (length: number, step: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * step) + Math.cos(i * i * 0.37) * 0.5 + 0.2)

describe('fast products stay close to those of the restored weights', () => {
  test.each<readonly [string, TorchAoBaseConfig]>([
    ['packed int4 in groups of 128', new Int4WeightOnlyConfig()],
    ['packed int4 in groups of 32', new Int4WeightOnlyConfig({ groupSize: 32 })],
    ['packed int4, rows that are one group', new Int4WeightOnlyConfig({ groupSize: IN })],
    ['int8 with one scale', new Int8WeightOnlyConfig({ granularity: perTensor() })],
    [
      'int8 with one scale, tokens with one each',
      new Int8DynamicActivationInt8WeightConfig({ granularity: [perRow(), perTensor()] }),
    ],
    [
      'int8 rows, one scale for all tokens',
      new Int8DynamicActivationInt8WeightConfig({ granularity: [perTensor(), perRow()] }),
    ],
  ])('%s', async (_name, config) => {
    const weight = { values: wave(OUT * IN, 0.731), outFeatures: OUT, inFeatures: IN }
    const x = wave(TOKENS * IN, 1.917)
    const restored = convert(weight, config).dequantize()
    const y = await multiply(config, weight, x)
    let [error, size] = [0, 0]
    for (const [i, value] of y.entries()) {
      const [token, row] = [Math.floor(i / OUT), i % OUT]
      let sum = 0
      for (let k = 0; k < IN; k++) sum += x[token * IN + k]! * restored[row * IN + k]!
      error += (value - sum) ** 2
      size += sum ** 2
    }
    // Activations are rounded to int8: half a percent of the output on ordinary values.
    expect(Math.sqrt(error / size)).toBeLessThan(0.01)
  })
})

describe('rows of a quantized embedding are those of the restored table', () => {
  test.each<readonly [string, TorchAoBaseConfig]>([
    ['int8 per row', new Int8WeightOnlyConfig()],
    ['int8 with one scale', new Int8WeightOnlyConfig({ granularity: perTensor() })],
    ['int4 in groups of 32', new IntxWeightOnlyConfig({ weightDtype: 'int4', granularity: perGroup(32) })],
    [
      'int4 in groups of 128, with zero points',
      new IntxWeightOnlyConfig({
        weightDtype: 'int4',
        granularity: perGroup(128),
        mappingType: 'ASYMMETRIC',
      }),
    ],
    ['int3 in groups of 16', new IntxWeightOnlyConfig({ weightDtype: 'int3', granularity: perGroup(16) })],
  ])('%s', async (_name, config) => {
    const weight = { values: wave(OUT * IN, 0.731), outFeatures: OUT, inFeatures: IN }
    const restored = convert(weight, config).dequantize()
    const ids = [0, 95, 3, 3]
    const wanted = ids.flatMap((id) => [...restored.subarray(id * IN, (id + 1) * IN)])
    expect([...(await lookUp(config, weight, ids))]).toEqual(wanted)
  })
})
