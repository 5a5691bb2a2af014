import fc from 'fast-check'
import { floatWriter } from './reference/float-access.js'
import { type FloatDtype, floatBytes } from './reference/float-formats.js'

/** Weights as stored bytes, of any bit pattern: NaNs with payloads, infinities, subnormals, negative zeros. */
export function anyBits(dtype: FloatDtype, count: number): fc.Arbitrary<Uint8Array> {
  const length = count * floatBytes(dtype)
  return fc.uint8Array({ minLength: length, maxLength: length })
}

/** Finite weights of one magnitude: zeros, exact ties of rounding, outliers and ordinary values. */
function finiteWeights(dtype: FloatDtype, count: number): fc.Arbitrary<Uint8Array> {
  // With 127.5 in its row an int8 scale is a power of two, so that every half is a tie; 7.5 does it for four bits.
  const ties = fc.integer({ min: -255, max: 255 }).map((n) => n / 2)
  const value = fc.oneof(
    fc.constantFrom(0, -0, 127.5, -127.5, 7.5, -7.5, 1.5),
    ties,
    fc.float({ min: -1, max: 1, noNaN: true }),
  )
  const values = fc.array(value, { minLength: count, maxLength: count })
  const exponent = fc.constantFrom(0, 0, 0, -7, 8, dtype === 'float16' ? -22 : -130)
  return fc.tuple(values, exponent).map(([row, shift]) =>
    encode(
      dtype,
      row.map((w) => w * 2 ** shift),
    ),
  )
}

/** Weights rows of which may be poisoned: mostly finite, now and then any bits. */
export function weights(dtype: FloatDtype, count: number): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 3, arbitrary: finiteWeights(dtype, count) },
    { weight: 1, arbitrary: anyBits(dtype, count) },
  )
}

export const dtypes = fc.constantFrom<FloatDtype>('float32', 'bfloat16', 'float16')

/** Numbers as bytes of `dtype`. */
export function encode(dtype: FloatDtype, values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * floatBytes(dtype))
  const write = floatWriter(dtype, bytes)
  for (const [i, value] of values.entries()) write(i, value)
  return bytes
}
