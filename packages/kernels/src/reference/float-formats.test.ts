import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  roundHalfToEven,
  roundToDtype,
} from '../index.js'

describe('16-bit float formats', () => {
  it.each([
    [1, 0x3f80],
    [-2, 0xc000],
    [1 + 2 ** -8, 0x3f80], // tie, down to even
    [1 + 3 * 2 ** -8, 0x3f82], // tie, up to even
    [3.4e38, 0x7f80], // rounds past the largest number
    [2 ** -133, 0x0001],
    [-0, 0x8000],
    [Infinity, 0x7f80],
    [Number.NaN, 0x7fc0],
  ])('bfloat16 of %d', (value, bits) => {
    expect(float32ToBfloat16(value)).toBe(bits)
  })

  it.each([
    [1, 0x3c00],
    [65_504, 0x7bff],
    [65_519, 0x7bff],
    [65_520, 0x7c00], // tie between the largest number and infinity
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000], // tie with zero
    [2 ** -25 + 2 ** -40, 0x0001],
    [3 * 2 ** -25, 0x0002],
    [2 ** -14 - 2 ** -26, 0x0400], // subnormal that rounds up to a normal number
    [1 + 2 ** -11, 0x3c00],
    [-(1 + 3 * 2 ** -11), 0xbc02],
    [-Infinity, 0xfc00],
    [Number.NaN, 0x7e00],
  ])('float16 of %d', (value, bits) => {
    expect(float32ToFloat16(value)).toBe(bits)
  })

  it('every number of a format is its own nearest', () => {
    const changed = []
    for (let bits = 0; bits < 65_536; bits++) {
      const half = float16ToFloat32(bits)
      if (!Number.isNaN(half) && float32ToFloat16(half) !== bits) changed.push({ half, bits })
      const brain = bfloat16ToFloat32(bits)
      if (!Number.isNaN(brain) && float32ToBfloat16(brain) !== bits) changed.push({ brain, bits })
    }
    expect(changed).toEqual([])
  })

  it('rounding never passes a neighbour', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -60_000, max: 60_000 }), (value) => {
        const rounded = roundToDtype('float16', value)
        const bits = float32ToFloat16(value)
        const error = Math.abs(rounded - value)
        for (const neighbour of [bits - 1, bits + 1]) {
          const other = float16ToFloat32(neighbour & 0xffff)
          if (Number.isFinite(other)) expect(error).toBeLessThanOrEqual(Math.abs(other - value))
        }
      }),
    )
  })

  it('roundHalfToEven', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4, -2.6, 127.5].map((x) => roundHalfToEven(x) + 0)).toEqual([
      0, 2, 2, 0, -2, -2, 2, -3, 128,
    ])
    expect(roundHalfToEven(Infinity)).toBe(Infinity)
    expect(roundHalfToEven(Number.NaN)).toBeNaN()
  })
})
