import { describe, expect, test } from 'vitest'
import { below, float32, floats, type RawTensor, readGolden } from './testing/golden.fixture.js'
import { type Change, editFloats, failure, load, remove, set } from './testing/stored-parts.fixture.js'

const int8Parts = () => {
  const { weight, SCB } = Object.fromEntries(below(readGolden('int8'), 'w_f32.')) as Record<string, RawTensor>
  return new Map([
    ['weight', weight!],
    ['SCB', SCB!],
    ['weight_format', { dtype: 'U8', shape: [], bytes: Uint8Array.of(0) }],
  ])
}

describe('an int8 weight', () => {
  const loadInt8 = (change: Change = () => {}) => {
    const tensors = int8Parts()
    change(tensors)
    return load(tensors, 48, 160)
  }

  test('has the values of the library', async () => {
    const { dequantized, parts } = await loadInt8()
    expect(dequantized).toEqual(floats(readGolden('int8').get('w_f32.dequant_f32')!.bytes))
    expect([...parts.keys()]).toEqual(['weight', 'SCB', 'weight_format'])
  })

  test('without weight_format is laid out by rows', async () => {
    expect((await loadInt8(remove('weight_format'))).dequantized).toEqual((await loadInt8()).dequantized)
  })

  test.each([
    ['no SCB', remove('SCB'), 'TENSOR_MISSING', 'SCB'],
    ['no codes', remove('weight'), 'TENSOR_MISSING', 'weight'],
    ['scales of another number', set('SCB', float32(new Float32Array(47))), 'TENSOR_MISMATCH', 'SCB'],
    [
      'codes of another type',
      set('weight', { dtype: 'U8', shape: [48, 160], bytes: new Uint8Array(7680) }),
      'TENSOR_MISMATCH',
      'weight',
    ],
    ['a NaN in SCB', editFloats('SCB', (x) => x.fill(Number.NaN, 3, 4)), 'TENSOR_NOT_FINITE', 'SCB'],
    [
      'tiles',
      set('weight_format', { dtype: 'U8', shape: [], bytes: Uint8Array.of(2) }),
      'WEIGHT_FORMAT_UNSUPPORTED',
      'weight_format',
    ],
    [
      'a layout of two bytes',
      set('weight_format', { dtype: 'U8', shape: [2], bytes: new Uint8Array(2) }),
      'TENSOR_MISMATCH',
      'weight_format',
    ],
  ] as const)('with %s is refused', async (_what, change, code, tensor) => {
    const error = await failure(loadInt8(change))
    expect(error).toMatchObject({ code, tensor: `model.fc.${tensor}` })
    expect(error.message).toContain(`model.fc.${tensor}`)
  })
})
