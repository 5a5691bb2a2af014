import type { ComponentRows, FloatRows, QuantizedFormat, StoredTensor } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { findScheme } from './config/find-scheme.js'
import { readGroups } from './config/scheme.js'
import { readSettings } from './config/settings.js'
import { formatOf, type GoldenCase, goldenCases } from './testing/golden-cases.fixture.js'

const caseOf = (name: string) => goldenCases.find((own) => own.name === name)!

interface Change {
  /** Dtype and shape of tensors; undefined takes one away. */
  readonly tensors?: Readonly<Record<string, StoredTensor | undefined>>
  readonly bytes?: Readonly<Record<string, Uint8Array>>
  /** In place of the arguments of the weights. */
  readonly weights?: object
}

/** A golden case of which something is changed. */
function changed(name: string, { tensors = {}, bytes = {}, weights }: Change): GoldenCase {
  const own = caseOf(name)
  const parts = new Map(own.stored.tensors)
  for (const [key, tensor] of Object.entries(tensors)) {
    if (tensor === undefined) parts.delete(key)
    else parts.set(key, tensor)
  }
  const read = (key: string) => bytes[key] ?? own.bytes(key)
  return {
    ...own,
    bytes: read,
    stored: { tensors: parts, read: async (key) => read(key) },
    ...(weights && { groups: readGroups({ config_groups: { group_0: { targets: ['Linear'], weights } } }) }),
  }
}

/** The whole weight, as `exact` computes with it. */
function restore(format: QuantizedFormat, { weight, bytes }: GoldenCase): Float32Array {
  const { inFeatures, outFeatures: count } = weight
  const values = new Float32Array(count * inFeatures)
  const rows: FloatRows = {
    ...{ first: 0, count },
    at: (row) => values.subarray(row * inFeatures, (row + 1) * inFeatures),
  }
  format.dequantize({ bytes } as ComponentRows, rows, weight)
  return values
}

const int32 = (...values: number[]) => new Uint8Array(Int32Array.from(values).buffer)
const float32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer)

/** Bytes of a tensor with one of them replaced. */
function withByte(name: string, key: string, at: number, value: number): Record<string, Uint8Array> {
  const bytes = caseOf(name).bytes(key).slice()
  bytes[at] = value
  return { [key]: bytes }
}

describe('is refused, naming the tensor and what was expected:', () => {
  const group32 = { num_bits: 4, strategy: 'group', group_size: 32 }

  test.each<readonly [string, string, Change, object]>([
    [
      'codes of another width than the config says',
      'pack_w4_g32_sym',
      { weights: { ...group32, num_bits: 8 } },
      { code: 'TENSOR_MISMATCH', tensor: 'layer.weight_packed', hint: expect.stringContaining('4 bits') },
    ],
    [
      'integers where floats are promised',
      'int_channel_sym',
      { weights: { num_bits: 8, type: 'float', strategy: 'channel' } },
      { code: 'TENSOR_MISMATCH', tensor: 'layer.weight', expected: 'float8_e4m3fn [24, 64]' },
    ],
    [
      'packed integers where four-bit floats are promised',
      'pack_w4_g32_sym',
      { weights: { num_bits: 4, type: 'float', strategy: 'group', group_size: 32 } },
      { code: 'TENSOR_MISMATCH', tensor: 'layer.weight_packed' },
    ],
    [
      'a shape that is not that of the model',
      'pack_w4_g32_sym',
      { bytes: { weight_shape: new Uint8Array(BigInt64Array.of(24n, 63n).buffer) } },
      { code: 'TENSOR_MISMATCH', tensor: 'layer.weight_shape', expected: '[24, 64]' },
    ],
    [
      'groups of another size than the config says',
      'pack_w4_g32_sym',
      { weights: { ...group32, group_size: 16 } },
      { code: 'TENSOR_MISMATCH', tensor: 'layer.weight_scale', expected: '[24, 4]' },
    ],
    [
      'a number of groups that does not divide the columns',
      'pack_w4_g32_sym',
      { tensors: { weight_scale: { dtype: 'bfloat16', shape: [24, 3] } }, weights: { num_bits: 4 } },
      { code: 'TENSOR_MISMATCH', tensor: 'layer.weight_scale', expected: '[1] or [24, 1]' },
    ],
    [
      'a grid of blocks that leaves out the edge',
      'float_block_edge',
      { tensors: { weight_scale: { dtype: 'bfloat16', shape: [2, 2] } } },
      { code: 'TENSOR_MISMATCH', expected: expect.stringContaining('[3, 3]') },
    ],
    [
      'no scales',
      'int_channel_sym',
      { tensors: { weight_scale: undefined } },
      { code: 'TENSOR_MISSING', tensor: 'layer.weight_scale' },
    ],
    [
      'no zero points where the config has some',
      'pack_w4_g32_asym',
      { tensors: { weight_zero_point: undefined } },
      { code: 'TENSOR_MISSING', tensor: 'layer.weight_zero_point' },
    ],
    [
      'zero points that are packed along the columns, as GPTQ has them',
      'pack_w4_g32_asym',
      { tensors: { weight_zero_point: { dtype: 'int32', shape: [2, 3] } } },
      { code: 'TENSOR_MISMATCH', tensor: 'layer.weight_zero_point', expected: 'int32 [3, 2]' },
    ],
    [
      'a zero point beyond the codes',
      'pack_w4_g32_asym',
      {
        tensors: { weight_zero_point: { dtype: 'int8', shape: [20, 2] } },
        bytes: { weight_zero_point: new Uint8Array(40).fill(8, 7, 8) },
      },
      { code: 'ZERO_POINT_RANGE', tensor: 'layer.weight_zero_point', found: 8 },
    ],
    [
      'a group that does not exist',
      'pack_w4_g16_actorder',
      { bytes: { weight_g_idx: int32(...new Array(63).fill(0), 4) } },
      { code: 'GROUP_INDEX_RANGE', tensor: 'layer.weight_g_idx', found: 4 },
    ],
    [
      'a global scale of 0',
      'nvfp4',
      { bytes: { weight_global_scale: float32(0) } },
      { code: 'SCALE_INVALID', tensor: 'layer.weight_global_scale', found: 0 },
    ],
    [
      'a global scale that is no number',
      'nvfp4',
      { bytes: { weight_global_scale: float32(Number.NaN) } },
      { code: 'TENSOR_NOT_FINITE', tensor: 'layer.weight_global_scale' },
    ],
    [
      'no global scale',
      'nvfp4',
      { tensors: { weight_global_scale: undefined } },
      { code: 'TENSOR_MISSING', tensor: 'layer.weight_global_scale' },
    ],
    [
      'a scale of E4M3 that is no number',
      'nvfp4',
      { bytes: withByte('nvfp4', 'weight_scale', 5, 0x7f) },
      { code: 'TENSOR_NOT_FINITE', tensor: 'layer.weight_scale' },
    ],
    [
      'an exponent that stands for no number',
      'mxfp4',
      { bytes: withByte('mxfp4', 'weight_scale', 5, 255) },
      { code: 'TENSOR_NOT_FINITE', tensor: 'layer.weight_scale' },
    ],
    [
      'an infinite scale',
      'pack_w4_channel_asym',
      { bytes: { weight_scale: float32(...new Array(20).fill(Number.POSITIVE_INFINITY)) } },
      { code: 'TENSOR_NOT_FINITE', tensor: 'layer.weight_scale' },
    ],
    [
      'a code of float8 that is no number',
      'float_channel',
      { bytes: withByte('float_channel', 'weight', 70, 0x7f) },
      {
        code: 'TENSOR_NOT_FINITE',
        tensor: 'layer.weight',
        message: expect.stringContaining('row 1, column 6'),
      },
    ],
    [
      'a code of a byte that has more bits than the config says',
      'int4_channel_sym',
      { bytes: withByte('int4_channel_sym', 'weight', 70, 9) },
      { code: 'CODE_OUT_OF_RANGE', tensor: 'layer.weight', found: 9 },
    ],
  ])('%s', async (_, name, change, error) => {
    const own = changed(name, change)
    const load = async () => restore(await formatOf(own), own)
    await expect(load()).rejects.toMatchObject(error)
  })

  test('a module that no group names, and that several would fit', async () => {
    const own = caseOf('pack_w4_g32_sym')
    const groups = readGroups({
      config_groups: {
        one: { targets: ['re:other'], weights: group32 },
        two: { targets: ['another'], weights: { ...group32, observer: 'mse' } },
        eight: { targets: ['re:else'], weights: { ...group32, num_bits: 8 } },
      },
    })
    const named = { ...own, groups: groups.slice(1) }
    expect(restore(await formatOf(named), own)).toEqual(own.dequantized)
    await expect(formatOf({ ...own, groups })).rejects.toMatchObject({
      ...{ code: 'CONFIG_CONTRADICTS_TENSORS', module: 'layer', found: 'one and two' },
    })
  })
})

describe('is read all the same:', () => {
  test('signed zero points of a byte each, as releases before 0.10 wrote them', async () => {
    const own = caseOf('pack_w4_g32_asym')
    const words = new Int32Array(own.bytes('weight_zero_point').slice().buffer)
    const zeros = Uint8Array.from(
      { length: 40 },
      (_, at) => ((words[(at >> 4) * 2 + (at & 1)]! >>> (4 * ((at >> 1) % 8))) & 15) - 8,
    )
    const older = changed('pack_w4_g32_asym', {
      tensors: { weight_zero_point: { dtype: 'int8', shape: [20, 2] } },
      bytes: { weight_zero_point: zeros },
    })
    expect(restore(await formatOf(older), older)).toEqual(own.dequantized)
  })

  test('a group of -1, which stands for groups that are runs', async () => {
    const plain = changed('pack_w4_g16_actorder', {
      bytes: { weight_g_idx: int32(...new Array(64).fill(-1)) },
    })
    const without = changed('pack_w4_g16_actorder', { tensors: { weight_g_idx: undefined } })
    expect(restore(await formatOf(plain), plain)).toEqual(restore(await formatOf(without), without))
  })

  test('scales below 0', async () => {
    const own = caseOf('pack_w4_channel_asym')
    const scales = new Float32Array(own.bytes('weight_scale').slice().buffer).map((scale) => -scale)
    const negative = changed(own.name, { bytes: { weight_scale: new Uint8Array(scales.buffer) } })
    expect(restore(await formatOf(negative), negative)).toEqual(own.dequantized.map((value) => -value))
  })
})

describe('patterns', () => {
  const groups = (...targets: string[]) => ({
    quant_method: 'compressed-tensors',
    config_groups: { group_0: { targets, weights: { num_bits: 4, group_size: 32 } } },
  })

  test('that would take exponential time take next to none', () => {
    const settings = readSettings(groups('re:(a|aa)+$', 're:(x+x+)+y', 're:(.*)*z'))
    expect(findScheme(settings.groups, ['ax'.repeat(2000)], 'linear')).toBeUndefined()
  })

  test('that are too long, alone or together, are refused', () => {
    const long = { code: 'PATTERN_NOT_OFFERED', found: expect.anything() }
    const alone = () => readSettings(groups(`re:${'a'.repeat(10_001)}`))
    const together = () => readSettings(groups(...new Array(1000).fill('re:.*self_attn\\.(q|k|v)_proj')))
    const ignored = () =>
      readSettings({ ...groups('Linear'), ignore: new Array(2000).fill('re:.*lm_head.*$.*') })
    expect(alone).toThrow(expect.objectContaining(long))
    expect(together).toThrow(expect.objectContaining({ ...long, field: 'config_groups' }))
    expect(ignored).toThrow(expect.objectContaining({ ...long, field: 'ignore' }))
  })

  test('hold at the start of a path, and case counts unless they say so', () => {
    const { groups: own } = readSettings(groups('re:model\\.layers\\.0', 're:(?i)HEAD'))
    const found = (path: string) => findScheme(own, [path], 'linear')?.name
    expect(found('model.layers.0.mlp')).toBe('group_0')
    expect(found('a.model.layers.0.mlp')).toBeUndefined()
    expect(found('head')).toBe('group_0')
  })
})
