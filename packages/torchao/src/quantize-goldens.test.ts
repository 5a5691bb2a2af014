import type { Checkpoint, FloatDtype, QuantizedFormat, WeightInfo } from '@hfquant/core/runtime'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  fakeQuantize,
  Int4WeightOnlyConfig,
  Int8DynamicActivationInt8WeightConfig,
  type Int8DynamicActivationInt8WeightOptions,
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  IntxWeightOnlyConfig,
  type IntxWeightOnlyOptions,
  perAxis,
  perGroup,
  perTensor,
} from './index.js'
import { goldenBytes, goldenFloats, openGolden } from './testing/golden.fixture.js'
import {
  dequantizeBothWays,
  expectFormat,
  inDtype,
  quantizeBothWays,
  weightOf,
} from './testing/run-format.fixture.js'
import type { WeightParts } from './weight-parts.js'

const opened: Checkpoint[] = []
const open = async (name: string) => {
  const checkpoint = await openGolden(name)
  opened.push(checkpoint)
  return checkpoint
}
afterAll(() => Promise.all(opened.map((checkpoint) => checkpoint.close())))

const DTYPES = { bf16: 'bfloat16', f32: 'float32' } as const
type Prefix = keyof typeof DTYPES

describe('int8 weights equal the reference data', () => {
  let golden: Checkpoint
  beforeAll(async () => {
    golden = await open('int8_weight_only.safetensors')
  })

  test.each([
    ['bf16', 'per_row', new Int8WeightOnlyConfig()],
    ['f32', 'per_row', new Int8WeightOnlyConfig()],
    ['bf16', 'per_group_32', new Int8WeightOnlyConfig({ granularity: perGroup(32) })],
    ['f32', 'per_group_32', new Int8WeightOnlyConfig({ granularity: perGroup(32) })],
    ['bf16', 'per_tensor', new Int8WeightOnlyConfig({ granularity: perTensor() })],
    ['f32', 'per_tensor', new Int8WeightOnlyConfig({ granularity: perTensor() })],
  ] as const)('%s %s', async (prefix, scheme, config) => {
    const weight = weightOf([8, 64], DTYPES[prefix])
    const format = expectFormat(config.formatFor(weight))
    const expected = await expectReference(golden, format, weight, `${prefix}.w`, `${prefix}.${scheme}.`)

    const values = dequantizeBothWays(format, weight, expected)
    const exact = prefix === 'bf16' ? `bf16.${scheme}.dequant_f32` : `f32.${scheme}.dequant`
    expect(values.formula).toEqual(await goldenFloats(golden, exact))
    expect(values.kernel).toEqual(values.formula)
    expect(inDtype(values.formula, weight.dtype)).toEqual(
      await goldenFloats(golden, `${prefix}.${scheme}.dequant`),
    )
  })
})

describe('the weights of int8-dynamic-act-int4-weight equal the reference data', () => {
  const config = new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int4' })

  test.each(['bf16', 'f32'] as const)('%s', async (prefix) => {
    const golden = await open('int8_dynamic_activation_int4_weight.safetensors')
    const weight = weightOf([8, 64], DTYPES[prefix])
    const format = expectFormat(config.formatFor(weight))
    const expected = await expectReference(golden, format, weight, `${prefix}.w`, `${prefix}.w_`)
    const values = dequantizeBothWays(format, weight, expected)
    expect(inDtype(values.formula, weight.dtype)).toEqual(await goldenFloats(golden, `${prefix}.w_dequant`))
    expect(values.kernel).toEqual(values.formula)
  })
})

describe('the weights of int8-dynamic-act-int8-weight equal the reference data', () => {
  test.each<readonly [string, Int8DynamicActivationInt8WeightOptions]>([
    ['sym', {}],
    ['asym', { actMappingType: 'ASYMMETRIC' }],
    ['sym_reduced', { reduceRange: true }],
    ['asym_reduced', { actMappingType: 'ASYMMETRIC', reduceRange: true }],
  ])('%s', async (scheme, options) => {
    const golden = await open('int8_dynamic_activation_int8_weight.safetensors')
    for (const prefix of ['bf16', 'f32'] as const) {
      const weight = weightOf([8, 64], DTYPES[prefix])
      const format = expectFormat(new Int8DynamicActivationInt8WeightConfig(options).formatFor(weight))
      await expectReference(golden, format, weight, `${prefix}.w`, `${prefix}.${scheme}.w_`)
    }
  })
})

describe('packed int4 weights equal the reference data', () => {
  test.each([
    ['bf16', 'g128', 128],
    ['f32', 'g128', 128],
    ['bf16', 'g32', 32],
    ['f32', 'g32', 32],
  ] as const)('%s %s', async (prefix, scheme, groupSize) => {
    const golden = await open('int4_weight_only_plain.safetensors')
    const weight = weightOf([8, 256], DTYPES[prefix])
    const format = expectFormat(new Int4WeightOnlyConfig({ groupSize }).formatFor(weight))
    const expected = await expectReference(golden, format, weight, `${prefix}.w`, `${prefix}.${scheme}.`)
    expect(dequantizeBothWays(format, weight, expected).formula).toEqual(
      await goldenFloats(golden, `${prefix}.${scheme}.dequant_f32`),
    )
  })
})

describe('codes of 1 to 8 bits equal the reference data', () => {
  const scheme = (
    name: string,
    options: ConstructorParameters<typeof Int8DynamicActivationIntxWeightConfig>[0],
  ) => (['bf16', 'f32'] as const).map((prefix) => [prefix, name, options] as const)

  test.each<
    readonly [Prefix, string, ConstructorParameters<typeof Int8DynamicActivationIntxWeightConfig>[0]]
  >([
    ...scheme('int8_axis0_sym', { weightDtype: 'int8', weightGranularity: perAxis() }),
    ...scheme('int8_axis0_asym', {
      weightDtype: 'int8',
      weightGranularity: perAxis(),
      weightMappingType: 'ASYMMETRIC',
    }),
    ...scheme('int4_g32_sym', { weightDtype: 'int4' }),
    ...scheme('int4_g32_asym', { weightDtype: 'int4', weightMappingType: 'ASYMMETRIC' }),
    ...scheme('int4_g32_noclip', { weightDtype: 'int4', weightMappingType: 'SYMMETRIC_NO_CLIPPING_ERR' }),
    ...scheme('int2_g32_sym', { weightDtype: 'int2' }),
    ...scheme('int3_g32_asym', { weightDtype: 'int3', weightMappingType: 'ASYMMETRIC' }),
    ...scheme('int5_g32_sym', { weightDtype: 'int5' }),
    ...scheme('int6_g32_sym', { weightDtype: 'int6' }),
    ...scheme('int7_g32_sym', { weightDtype: 'int7' }),
    ...scheme('int1_g32_asym', { weightDtype: 'int1', weightMappingType: 'ASYMMETRIC' }),
    ['f32', 'int4_g32_sym_scale_bf16', { weightDtype: 'int4', weightScaleDtype: 'bfloat16' }],
  ])('%s %s', async (prefix, name, options) => {
    const golden = await open('intx_weight_only.safetensors')
    const weight = weightOf([8, 64], DTYPES[prefix])
    const format = expectFormat(new Int8DynamicActivationIntxWeightConfig(options).formatFor(weight))
    const expected = await expectReference(golden, format, weight, `${prefix}.w`, `${prefix}.${name}.`)
    const values = dequantizeBothWays(format, weight, expected)
    expect(inDtype(values.formula, weight.dtype)).toEqual(
      await goldenFloats(golden, `${prefix}.${name}.dequant`),
    )

    const { weightDtype, weightGranularity, weightMappingType, weightScaleDtype } =
      new Int8DynamicActivationIntxWeightConfig(options)
    const weightOnly: IntxWeightOnlyOptions = {
      weightDtype,
      granularity: weightGranularity,
      mappingType: weightMappingType,
      scaleDtype: weightScaleDtype,
    }
    const same = expectFormat(new IntxWeightOnlyConfig(weightOnly).formatFor(weight))
    expect(quantizeBothWays(same, weight, await goldenBytes(golden, `${prefix}.w`)).kernel).toEqual(expected)
  })
})

describe('tiny-llama', () => {
  test('every projection of the bfloat16 model becomes the tensors that the Python library wrote', async () => {
    const [source, expected] = await Promise.all([
      open('tiny-llama/bf16/model.safetensors'),
      open('tiny-llama/int8-weight-only/model.safetensors'),
    ])
    const quantized = [...expected.tensors.keys()].filter((name) => name.endsWith('._weight_qdata'))
    expect(quantized).toHaveLength(14)
    for (const name of quantized) {
      const path = name.slice(0, -'._weight_qdata'.length)
      const { shape, dtype } = source.tensors.get(`${path}.weight`)!
      const weight = { ...weightOf(shape as [number, number], dtype as FloatDtype), path }
      const format = expectFormat(new Int8WeightOnlyConfig().formatFor(weight))
      for (const { key, dtype, shape } of format.components(weight)) {
        expect(expected.tensors.get(`${path}.${key}`)).toMatchObject({ dtype, shape })
      }
      const { kernel } = quantizeBothWays(format, weight, await goldenBytes(source, `${path}.weight`))
      expect(kernel).toEqual(await partsOf(expected, `${path}._weight_`))
    }
  })
})

describe('fakeQuantize', () => {
  test('of the reference weight is its reconstruction', async () => {
    const golden = await open('intx_weight_only.safetensors')
    for (const prefix of ['bf16', 'f32'] as const) {
      const weight = {
        values: await goldenFloats(golden, `${prefix}.w`),
        outFeatures: 8,
        inFeatures: 64,
        dtype: DTYPES[prefix],
      }
      expect(
        fakeQuantize(weight, new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int4' })),
      ).toEqual(await goldenFloats(golden, `${prefix}.int4_g32_sym.dequant`))
    }
  })
})

/** Kernel and formula make the parts that torchao wrote below `prefix` of a weight. @returns those parts */
async function expectReference(
  golden: Checkpoint,
  format: QuantizedFormat,
  weight: WeightInfo,
  source: string,
  prefix: string,
): Promise<WeightParts> {
  const { kernel, formula } = quantizeBothWays(format, weight, await goldenBytes(golden, source))
  const expected = await partsOf(golden, prefix)
  expect(formula).toEqual(expected)
  expect(kernel).toEqual(expected)
  return expected
}

async function partsOf(golden: Checkpoint, prefix: string): Promise<WeightParts> {
  const names = ['qdata', 'scale', 'zero_point']
  const bytes = await Promise.all(names.map((name) => goldenBytes(golden, prefix + name)))
  return new Map(names.map((name, i) => [`_weight_${name}`, bytes[i]!]))
}
