import { type Checkpoint, ConfigError, type FloatDtype, type WeightInfo } from '@hfquant/core'
import { runKernel } from '@hfquant/kernels'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  convert,
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
  perRow,
  perTensor,
  type TorchAoBaseConfig,
} from './index.js'
import { goldenBytes, goldenFloats, openGolden } from './testing/golden.fixture.js'
import { dequantizeBothWays, expectFormat, quantizeBothWays } from './testing/run-format.fixture.js'

const opened: Checkpoint[] = []
const open = async (name: string) => {
  const checkpoint = await openGolden(name)
  opened.push(checkpoint)
  return checkpoint
}
afterAll(() => Promise.all(opened.map((checkpoint) => checkpoint.close())))

const weightOf = (shape: readonly [number, number], dtype: FloatDtype): WeightInfo => ({
  path: 'layer',
  kind: 'linear',
  outFeatures: shape[0],
  inFeatures: shape[1],
  dtype,
})

const IntxDynamic = Int8DynamicActivationIntxWeightConfig
const DTYPES = { bf16: 'bfloat16', f32: 'float32' } as const
type Prefix = keyof typeof DTYPES

/** Rounds float32 values to the dtype of the golden they are compared with. */
function inDtype(values: Float32Array, dtype: FloatDtype): Float32Array {
  if (dtype === 'float32') return values
  const narrow = new Uint8Array(values.length * 2)
  const wide = new Float32Array(values.length)
  runKernel('cast', { from: 'float32', to: dtype }, [new Uint8Array(values.buffer)], [narrow])
  runKernel('cast', { from: dtype, to: 'float32' }, [narrow], [new Uint8Array(wide.buffer)])
  return wide
}

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
    const source = await goldenBytes(golden, `${prefix}.w`)
    const { kernel, formula } = quantizeBothWays(format, weight, source)
    const expected = await partsOf(golden, `${prefix}.${scheme}.`)
    expect(formula).toEqual(expected)
    expect(kernel).toEqual(expected)

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
    const { kernel, formula } = quantizeBothWays(format, weight, await goldenBytes(golden, `${prefix}.w`))
    const expected = await partsOf(golden, `${prefix}.w_`)
    expect(formula).toEqual(expected)
    expect(kernel).toEqual(expected)
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
      const { kernel, formula } = quantizeBothWays(format, weight, await goldenBytes(golden, `${prefix}.w`))
      const expected = await partsOf(golden, `${prefix}.${scheme}.w_`)
      expect(formula).toEqual(expected)
      expect(kernel).toEqual(expected)
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
    const { kernel, formula } = quantizeBothWays(format, weight, await goldenBytes(golden, `${prefix}.w`))
    const expected = await partsOf(golden, `${prefix}.${scheme}.`)
    expect(formula).toEqual(expected)
    expect(kernel).toEqual(expected)
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
    const { kernel, formula } = quantizeBothWays(format, weight, await goldenBytes(golden, `${prefix}.w`))
    const expected = await partsOf(golden, `${prefix}.${name}.`)
    expect(formula).toEqual(expected)
    expect(kernel).toEqual(expected)
    const values = dequantizeBothWays(format, weight, expected)
    expect(inDtype(values.formula, weight.dtype)).toEqual(
      await goldenFloats(golden, `${prefix}.${name}.dequant`),
    )

    const { weightDtype, weightGranularity, weightMappingType, weightScaleDtype } = new IntxDynamic(options)
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

describe('worked example', () => {
  const source = new Uint8Array(Float32Array.of(0.5, -1, 0.25, 0.75, 0, 2, -0.125, 1).buffer)
  const weight = weightOf([2, 4], 'float32')
  const quantize = (config: Int8WeightOnlyConfig | Int8DynamicActivationIntxWeightConfig) => {
    const { formula } = quantizeBothWays(expectFormat(config.formatFor(weight)), weight, source)
    return {
      codes: [...new Int8Array(formula.get('_weight_qdata')!.buffer)],
      scales: [...new Float32Array(formula.get('_weight_scale')!.buffer)],
      zeros: [...new Int8Array(formula.get('_weight_zero_point')!.buffer)],
    }
  }
  const int4 = (weightMappingType: 'SYMMETRIC' | 'SYMMETRIC_NO_CLIPPING_ERR' | 'ASYMMETRIC') =>
    new Int8DynamicActivationIntxWeightConfig({
      weightDtype: 'int4',
      weightGranularity: perGroup(4),
      weightMappingType,
    })

  test.each([
    [
      'int8 per row',
      new Int8WeightOnlyConfig(),
      [64, -127, 32, 96, 0, 127, -8, 64],
      [0.007843138, 0.015686275],
      [0, 0],
    ],
    ['int4 symmetric', int4('SYMMETRIC'), [4, -7, 2, 6, 0, 7, 0, 4], [0.13333334, 0.26666668], [0, 0]],
    [
      'int4 no clipping error',
      int4('SYMMETRIC_NO_CLIPPING_ERR'),
      [4, -8, 2, 6, 0, 7, 0, 3],
      [0.125, 0.2857143],
      [0, 0],
    ],
    ['int4 asymmetric', int4('ASYMMETRIC'), [5, -8, 3, 7, -7, 7, -8, 0], [0.11666667, 0.14166667], [1, -7]],
  ])('%s', (_name, config, codes, scales, zeros) => {
    expect(quantize(config)).toEqual({ codes, scales: scales.map(Math.fround), zeros })
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

describe('any weight', () => {
  const configs: readonly (readonly [string, number | 'offset', TorchAoBaseConfig])[] = [
    ['int8 per row', 8, new Int8WeightOnlyConfig()],
    ['int8 in groups of 16', 8, new Int8WeightOnlyConfig({ granularity: perGroup(16) })],
    ['int8 with one scale', 8, new Int8WeightOnlyConfig({ granularity: perTensor() })],
    ['int8 of a reduced range', 7, new Int8DynamicActivationInt8WeightConfig({ reduceRange: true })],
    ['int4 in groups of 32', 4, new IntxDynamic({ weightDtype: 'int4' })],
    [
      'int3 in groups of 8, asymmetric',
      3,
      new IntxDynamic({
        weightDtype: 'int3',
        weightGranularity: perGroup(8),
        weightMappingType: 'ASYMMETRIC',
      }),
    ],
    ['int6 per row', 6, new IntxWeightOnlyConfig({ weightDtype: 'int6' })],
    [
      'int5, no clipping error, scales in bfloat16',
      5,
      new IntxWeightOnlyConfig({
        weightDtype: 'int5',
        mappingType: 'SYMMETRIC_NO_CLIPPING_ERR',
        scaleDtype: 'bfloat16',
      }),
    ],
    ['packed int4 in groups of 32', 'offset', new Int4WeightOnlyConfig({ groupSize: 32 })],
  ]
  const matrices = fc.record({
    rows: fc.integer({ min: 1, max: 3 }),
    columns: fc.constantFrom(32, 96),
    dtype: fc.constantFrom<FloatDtype>('float32', 'bfloat16', 'float16'),
    size: fc.constantFrom(1e-3, 1, 300),
    values: fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 288, maxLength: 288 }),
  })

  test.each(configs)(
    '%s: kernel and formula make the same bytes, and the error stays within a step',
    (_name, bits, config) => {
      fc.assert(
        fc.property(matrices, ({ rows, columns, dtype, size, values }) => {
          const weight = weightOf([rows, columns], dtype)
          const format = expectFormat(config.formatFor(weight))
          const wide = Float32Array.from(values.slice(0, rows * columns), (value) => value * size)
          const source = dtype === 'float32' ? new Uint8Array(wide.buffer) : new Uint8Array(wide.length * 2)
          if (dtype !== 'float32') {
            runKernel('cast', { from: 'float32', to: dtype }, [new Uint8Array(wide.buffer)], [source])
          }
          const { kernel, formula } = quantizeBothWays(format, weight, source)
          expect(kernel).toEqual(formula)

          const restored = dequantizeBothWays(format, weight, formula)
          expect(restored.kernel).toEqual(restored.formula)
          if (dtype !== 'float32' || bits === 'offset') return
          const codes = new Int8Array(formula.get('_weight_qdata')!.buffer)
          const scaleBytes = formula.get('_weight_scale')!
          const narrow = format.components(weight)[1]!.dtype === 'bfloat16'
          const scales = new Float32Array(narrow ? scaleBytes.length / 2 : scaleBytes.length / 4)
          const from = narrow ? 'bfloat16' : 'float32'
          runKernel('cast', { from, to: 'float32' }, [scaleBytes], [new Uint8Array(scales.buffer)])
          const groupSize = codes.length / scales.length
          for (const [i, value] of restored.formula.entries()) {
            // The outermost codes also stand for what lies up to a step beyond them.
            const clipped = codes[i] === -(2 ** (bits - 1)) || codes[i] === 2 ** (bits - 1) - 1
            const step = scales[Math.floor(i / groupSize)]! * (1 + 1e-4)
            // A scale of eight significant bits, and its reciprocal, move a quotient by as much again.
            const rounding = narrow ? Math.abs(wide[i]!) * 2 ** -7 : 0
            expect(Math.abs(value - wide[i]!)).toBeLessThanOrEqual((clipped ? step : step / 2) + rounding)
          }
        }),
        { numRuns: 60 },
      )
    },
  )

  test.each(configs)(
    '%s: fake quantization is quantizing and restoring, bit for bit',
    (_name, _bits, config) => {
      fc.assert(
        fc.property(matrices, ({ rows, columns, dtype, size, values }) => {
          const wide = Float32Array.from(values.slice(0, rows * columns), (value) => value * size)
          const weight = {
            values: inDtype(wide, dtype),
            outFeatures: rows,
            inFeatures: columns,
            dtype,
          }
          const faked = fakeQuantize(weight, config)
          expect(faked).toEqual(convert(weight, config).dequantize())
          expect(faked).toEqual(inDtype(faked, dtype))
        }),
        { numRuns: 60 },
      )
    },
  )
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
      expect(fakeQuantize(weight, new IntxDynamic({ weightDtype: 'int4' }))).toEqual(
        await goldenFloats(golden, `${prefix}.int4_g32_sym.dequant`),
      )
    }
  })

  const values = new Float32Array(80).fill(0.5)

  test('names layer, columns and group when a row does not divide into groups', () => {
    const weight = { values, outFeatures: 2, inFeatures: 40, path: 'layers.0.fc' }
    for (const apply of [fakeQuantize, convert]) {
      const error = thrown(() => apply(weight, new IntxDynamic()))
      expect(ConfigError.isInstance(error) && error.code).toBe('WEIGHT_NOT_QUANTIZABLE')
      for (const word of ['layers.0.fc', '40', '32']) expect((error as Error).message).toContain(word)
    }
  })

  test('refuses values that no integer stands for, and shapes that do not hold the values', () => {
    const poisoned = { values: values.with(7, Number.NaN), outFeatures: 2, inFeatures: 40 }
    const config = new Int8WeightOnlyConfig()
    expect(thrown(() => fakeQuantize(poisoned, config))).toMatchObject({ code: 'TENSOR_NOT_FINITE' })
    expect(thrown(() => convert({ values, outFeatures: 3, inFeatures: 40 }, config))).toMatchObject({
      code: 'SHAPE_MISMATCH',
    })
  })

  test('convert names the tensors as a checkpoint does', () => {
    const { format, tensors } = convert(
      { values, outFeatures: 2, inFeatures: 40 },
      new Int8DynamicActivationInt8WeightConfig({ granularity: [perRow(), perTensor()] }),
    )
    expect(format).toBe('int8 for the whole weight, dynamic int8 activations')
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ['_weight_qdata', 'int8', [2, 40]],
      ['_weight_scale', 'float32', [1, 1]],
      ['_weight_zero_point', 'int8', [1, 1]],
    ])
  })
})

function thrown(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('expected an error')
}

test('a row that does not divide into groups stays in float', () => {
  const choice = new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int4' }).formatFor(
    weightOf([4, 40], 'bfloat16'),
  )
  expect(choice).toEqual({ skip: 'its 40 input features are not a multiple of the group size 32' })
})

async function partsOf(golden: Checkpoint, prefix: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const names = ['qdata', 'scale', 'zero_point']
  const bytes = await Promise.all(names.map((name) => goldenBytes(golden, prefix + name)))
  return new Map(names.map((name, i) => [`_weight_${name}`, bytes[i]!]))
}
