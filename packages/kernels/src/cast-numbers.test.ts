import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expectEqualBytes } from './equal-bytes.fixture.js'
import { CAST_DTYPES, type CastDtype, castFloats, FLOAT_DTYPES, widenFloats } from './index.js'
import { castBytes } from './reference/cast-dtypes.js'
import { floatBytes } from './reference/float-formats.js'

const others = CAST_DTYPES.filter((dtype) => !FLOAT_DTYPES.some((float) => float === dtype))
const bytesOf = (values: ArrayBufferView) => new Uint8Array(values.buffer)

/** As numbers, by way of float32. */
const asFloat32 = (bytes: Uint8Array, from: CastDtype) => [
  ...widenFloats(castFloats(bytes, from, 'float32'), 'float32'),
]

describe.each(others)('%s', (from) => {
  it('is cast to the bytes of the formula, whatever its bits', () => {
    const counts = fc.integer({ min: 0, max: 600 })
    const call = counts.chain((count) => {
      const length = count * castBytes(from)
      const bytes = fc.uint8Array({ minLength: length, maxLength: length })
      return fc.record({ count: fc.constant(count), bytes, to: fc.constantFrom(...FLOAT_DTYPES) })
    })
    fc.assert(
      fc.property(call, ({ count, bytes, to }) => {
        expectEqualBytes('cast', { from, to }, [bytes], [count * floatBytes(to)])
      }),
      { numRuns: 40 },
    )
  })
})

// The values are PyTorch's.
describe('the values', () => {
  it('float64 rounds to float32 and then to 16 bits', () => {
    const values = bytesOf(Float64Array.of(1 + 2 ** -24 + 2 ** -50, 1e300, -0, Number.NaN, 2 ** -150))
    expect(asFloat32(values, 'float64')).toEqual([1 + 2 ** -23, Infinity, -0, Number.NaN, 0])
    // Just above a tie of bfloat16, which float32 cannot hold: torch rounds the float32, to even.
    const tie = bytesOf(Float64Array.of(1 + 2 ** -8 + 2 ** -40))
    expect([...widenFloats(castFloats(tie, 'float64', 'bfloat16'), 'bfloat16')]).toEqual([1])
  })

  it('whole numbers of 64 bits are those of the formula from the smallest to the largest', () => {
    const powers = Array.from({ length: 63 }, (_, bit) => 2n ** BigInt(bit))
    const values = BigInt64Array.from(powers.flatMap((power) => [power, power + 1n, -power, 1n - power]))
    const bytes = new Uint8Array(values.buffer)
    for (const from of ['int64', 'uint64']) {
      expectEqualBytes('cast', { from, to: 'float32' }, [bytes], [values.length * 4])
    }
  })

  it('whole numbers of 64 bits round once', () => {
    // 2^62 + 2^38 is a tie of float32; one more is above it, and a double cannot tell.
    const tie = 2n ** 62n + 2n ** 38n
    const values = bytesOf(BigInt64Array.of(tie, tie + 1n, -tie, -tie - 1n, -1n))
    const step = 2 ** 39
    expect(asFloat32(values, 'int64')).toEqual([2 ** 62, 2 ** 62 + step, -(2 ** 62), -(2 ** 62) - step, -1])
    expect(asFloat32(bytesOf(BigUint64Array.of(2n ** 64n - 1n)), 'uint64')).toEqual([2 ** 64])
  })

  it('small whole numbers stay what they are', () => {
    expect(asFloat32(Uint8Array.of(0x80, 0xff, 7), 'int8')).toEqual([-128, -1, 7])
    expect(asFloat32(Uint8Array.of(0x80, 0xff, 7), 'uint8')).toEqual([128, 255, 7])
    expect(asFloat32(bytesOf(Uint16Array.of(65_535)), 'uint16')).toEqual([65_535])
    expect(asFloat32(bytesOf(Int32Array.of(-(2 ** 31), 2 ** 24 + 1)), 'int32')).toEqual([-(2 ** 31), 2 ** 24])
  })

  it('eight-bit floats without scales', () => {
    const codes = Uint8Array.of(0x38, 0x01, 0x7e, 0x7f, 0x80, 0xb8)
    expect(asFloat32(codes, 'float8_e4m3fn')).toEqual([1, 2 ** -9, 448, Number.NaN, -0, -1])
    expect(asFloat32(Uint8Array.of(0x3c, 0x01, 0x7b, 0x7c, 0x7e), 'float8_e5m2')).toEqual([
      1,
      2 ** -16,
      57_344,
      Infinity,
      Number.NaN,
    ])
  })
})
