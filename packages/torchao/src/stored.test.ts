import type { FormatContext } from '@hfquant/core'
import { afterAll, describe, expect, test } from 'vitest'
import { FqnToConfig, Int8WeightOnlyConfig, perTensor, torchao } from './index.js'
import { goldenBytes, goldenFloats, openGolden, storedContext } from './testing/golden.fixture.js'
import { dequantizeBothWays, expectFormat } from './testing/run-format.fixture.js'
import {
  choose,
  current,
  DYNAMIC,
  documentOf,
  FLOAT8,
  INT4,
  INT8,
  legacy,
  legacyContext,
  PACKED,
  partsAt,
  weightAt,
} from './testing/stored-golden.fixture.js'

const int8Numbers = await openGolden('int8_weight_only.safetensors')
const int4Numbers = await openGolden('intx_weight_only.safetensors')
const packedNumbers = await openGolden('int4_weight_only_plain.safetensors')
const dynamicNumbers = await openGolden('int8_dynamic_activation_int8_weight.safetensors')
const float8Numbers = await openGolden('float8_e4m3.safetensors')
afterAll(() =>
  Promise.all(
    [current, legacy, int8Numbers, int4Numbers, packedNumbers, float8Numbers, dynamicNumbers].map((file) =>
      file.close(),
    ),
  ),
)

const INT8_TENSOR = new Int8WeightOnlyConfig({ granularity: perTensor() })

describe('a file of torchao', () => {
  test('Int8Tensor: components as stored, float32 scales, values of the reference', async () => {
    const weight = weightAt('int8_wo')
    const format = expectFormat(await choose('int8_wo', INT8))
    expect(format.name).toBe('int8 per row')
    expect(format.components(weight)).toEqual([
      { key: '_weight_qdata', dtype: 'int8', shape: [8, 64] },
      { key: '_weight_scale', dtype: 'float32', shape: [8, 1] },
      { key: '_weight_zero_point', dtype: 'int8', shape: [8, 1] },
    ])
    expect(format.quantize ?? format.quantizeKernel).toBeUndefined()
    const parts = await partsAt('int8_wo', ['_weight_qdata', '_weight_scale', '_weight_zero_point'])
    const { kernel, formula } = dequantizeBothWays(format, weight, parts)
    expect(formula).toEqual(await goldenFloats(int8Numbers, 'bf16.per_row.dequant_f32'))
    expect(kernel).toEqual(formula)
  })

  test('Int8Tensor of release 0.16: no zero point, scales in bfloat16', async () => {
    const weight = weightAt('int8_no_zp')
    const format = expectFormat(await choose('int8_no_zp', INT8))
    expect(format.components(weight)).toEqual([
      { key: '_weight_qdata', dtype: 'int8', shape: [8, 64] },
      { key: '_weight_scale', dtype: 'bfloat16', shape: [8, 1] },
    ])
    const parts = await partsAt('int8_no_zp', ['_weight_qdata', '_weight_scale'])
    const { kernel, formula } = dequantizeBothWays(format, weight, parts)
    expect(formula).toEqual(await goldenFloats(int8Numbers, 'bf16.per_row_v0_15.dequant_f32'))
    expect(kernel).toEqual(formula)
  })

  test('IntxUnpackedToInt8Tensor: int4 in groups of 32', async () => {
    const weight = weightAt('intx')
    const format = expectFormat(await choose('intx', INT4))
    expect(format.name).toBe('int4 per group of 32')
    const parts = await partsAt('intx', ['_weight_qdata', '_weight_scale', '_weight_zero_point'])
    const { kernel, formula } = dequantizeBothWays(format, weight, parts)
    const rounded = await goldenFloats(int4Numbers, 'bf16.int4_g32_sym.dequant')
    for (const [i, value] of formula.entries()) {
      expect(Math.abs(value - rounded[i]!)).toBeLessThanOrEqual(Math.abs(value) / 256)
    }
    expect(kernel).toEqual(formula)
  })

  test('Int8Tensor with activation settings: the same weight, another product', async () => {
    const weight = weightAt('int8_dyn')
    const format = expectFormat(await choose('int8_dyn', DYNAMIC))
    expect(format.name).toBe('int8 per row, dynamic int8 activations')
    expect(format.lower).toBeDefined()
    const parts = await partsAt('int8_dyn', ['_weight_qdata', '_weight_scale', '_weight_zero_point'])
    expect(parts.get('_weight_qdata')).toEqual(await goldenBytes(dynamicNumbers, 'bf16.sym.w_qdata'))
    const codes = new Int8Array(parts.get('_weight_qdata')!.slice().buffer)
    const scales = await goldenFloats(dynamicNumbers, 'bf16.sym.w_scale')
    const { formula } = dequantizeBothWays(format, weight, parts)
    expect([...formula]).toEqual([...codes].map((code, i) => Math.fround(code * scales[Math.floor(i / 64)]!)))
  })

  test('Int4Tensor: packed codes, transposed scales and offsets', async () => {
    const weight = weightAt('int4', 256)
    const format = expectFormat(await choose('int4', PACKED, undefined, weight))
    expect(format.name).toBe('int4 per group of 128')
    const parts = await partsAt('int4', ['_weight_qdata', '_weight_scale', '_weight_zero_point'])
    const expected = await goldenFloats(packedNumbers, 'bf16.g128.dequant_f32')
    expect(dequantizeBothWays(format, weight, parts).formula).toEqual(expected)
  })

  test('Float8Tensor: restored, and never made', async () => {
    const weight = { ...weightAt('float8'), outFeatures: 16 }
    const format = expectFormat(await choose('float8', FLOAT8.value.quantType, undefined, weight))
    expect(format.name).toBe('float8 e4m3fn per row')
    expect(format.lower ?? format.quantize ?? format.quantizeKernel).toBeUndefined()
    const parts = await partsAt('float8', ['_weight_qdata', '_weight_scale'])
    const expected = await goldenFloats(float8Numbers, 'bf16.per_row.dequant_f32')
    expect(dequantizeBothWays(format, weight, parts).formula).toEqual(expected)
  })

  const FLOAT8_ROW = 'float8 e4m3fn per row'
  const FLOAT8_WHOLE = 'float8 e4m3fn for the whole weight'
  test.each([
    [
      'Int8Tensor with one scale for all',
      int8Numbers,
      'bf16.per_tensor',
      INT8_TENSOR,
      'int8 for the whole weight',
    ],
    [
      'Int8Tensor of release 0.17, scales in bfloat16',
      int8Numbers,
      'bf16.per_row_v0_17',
      INT8,
      'int8 per row',
    ],
    [
      'Float8Tensor with one scale for all',
      float8Numbers,
      'bf16.per_tensor',
      FLOAT8.value.quantType,
      FLOAT8_WHOLE,
    ],
    ['Float8Tensor of a float32 weight', float8Numbers, 'f32.per_row', FLOAT8.value.quantType, FLOAT8_ROW],
    [
      'the same with one scale for all',
      float8Numbers,
      'f32.per_tensor',
      FLOAT8.value.quantType,
      FLOAT8_WHOLE,
    ],
  ] as const)('%s', async (_name, numbers, scheme, config, formatName) => {
    const context = storedContext(numbers, scheme)
    const names = ['qdata', 'scale', 'zero_point'].filter((name) => context.stored!.tensors.has(name))
    const tensors = new Map(names.map((name) => [`_weight_${name}`, context.stored!.tensors.get(name)!]))
    const outFeatures = tensors.get('_weight_qdata')!.shape[0]!
    const document = {
      _type: numbers === float8Numbers ? 'Float8Tensor' : 'Int8Tensor',
      _data: {
        block_size: [scheme.endsWith('per_tensor') ? outFeatures : 1, 64],
        dtype: { _type: 'torch.dtype', _data: 'bfloat16' },
      },
      _tensor_data_names: names,
    }
    const metadata = { tensor_names: '["fc.weight"]', 'fc.weight': JSON.stringify(document) }
    const read = (key: string) => context.stored!.read(key.replace('_weight_', ''))
    const weight = { ...weightAt('fc'), outFeatures }
    const stored = { ...context, metadata, stored: { tensors, read } }
    const format = expectFormat(await choose('fc', config, stored, weight))
    expect(format.name).toBe(formatName)
    const bytes = await Promise.all(names.map((name) => context.stored!.read(name)))
    const parts = new Map(names.map((name, i) => [`_weight_${name}`, new Uint8Array(bytes[i]!)]))
    expect(dequantizeBothWays(format, weight, parts).formula).toEqual(
      await goldenFloats(numbers, `${scheme}.dequant_f32`),
    )
  })

  test.each([
    ['int8_wo', INT8, 64, 8],
    ['int8_no_zp', INT8, 64, 8],
    ['int8_dyn', DYNAMIC, 64, 8],
    ['intx', INT4, 64, 8],
    ['int4', PACKED, 256, 8],
    ['float8', FLOAT8.value.quantType, 64, 16],
  ] as const)(
    'the document of %s is written as it was read',
    async (path, config, inFeatures, outFeatures) => {
      const weight = { ...weightAt(path, inFeatures), outFeatures }
      const format = expectFormat(await choose(path, config, undefined, weight))
      expect(documentOf(weight, format)).toBe(current.metadata[`${path}.weight`])
    },
  )

  test.each([
    ['intx', INT4, 64],
    ['int4', PACKED, 256],
  ] as const)('release 0.14 spelled the names of %s with a colon', async (path, config, inFeatures) => {
    const weight = weightAt(path, inFeatures)
    const format = expectFormat(await choose(path, config, legacyContext(path), weight))
    const now = expectFormat(await choose(path, config, undefined, weight))
    expect(format.name).toBe(now.name)
    expect(format.components(weight)).toEqual(now.components(weight))
    expect(JSON.parse(documentOf(weight, format))._tensor_data_names).toEqual([
      'qdata',
      'scale',
      'zero_point',
    ])
    const parts = await partsAt(path, ['_weight_qdata', '_weight_scale', '_weight_zero_point'])
    for (const [key, bytes] of parts) expect(await legacyContext(path).stored!.read(key)).toEqual(bytes)
  })

  test('names of older layouts become current ones, others stay', () => {
    const names = ['model.a.weight:qdata', 'norm.weight:_data', 'model.a._weight_scale', 'lm_head.weight']
    expect(names.map((name) => torchao.definition.files!.name!(name))).toEqual([
      'model.a._weight_qdata',
      'norm.weight',
      'model.a._weight_scale',
      'lm_head.weight',
    ])
  })

  test('a weight stored in float stays as it is', async () => {
    const context: FormatContext = {
      ...storedContext(current, 'norm'),
      stored: {
        tensors: new Map([
          ['weight', { dtype: 'bfloat16', shape: [8, 64] }],
          ['extra', { dtype: 'float32', shape: [1] }],
        ]),
        read: async () => new Uint8Array(),
      },
    }
    expect(await choose('norm', INT8, context)).toEqual({ skip: 'is stored in float' })
  })

  test('names of a bare base model are found although the model has a prefix', async () => {
    const context = storedContext(current, 'int8_wo')
    const format = expectFormat(await choose('model.int8_wo', INT8, context))
    expect(format.name).toBe('int8 per row')
  })
})

test('what FqnToConfig leaves in float may be quantized all the same: tensors decide', async () => {
  for (const quantType of [new FqnToConfig({}), new FqnToConfig({ int8_wo: null })]) {
    expect(expectFormat(await choose('int8_wo', quantType)).name).toBe('int8 per row')
  }
})
