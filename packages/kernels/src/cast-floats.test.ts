import { expect, test } from 'vitest'
import { castFloats, FLOAT_DTYPES, narrowFloats, widenFloats } from './index.js'
import { encode } from './weights.arbitrary.js'

test.each(FLOAT_DTYPES)('%s: what the dtype holds is widened and cast back as it was', (dtype) => {
  const numbers = [0, -0.5, 1, 1024, -(2 ** -14)]
  const stored = encode(dtype, numbers)
  // Behind an odd byte, as a tensor may lie in a file.
  const anywhere = new Uint8Array([0xff, ...stored]).subarray(1)
  const values = widenFloats(anywhere, dtype)
  expect([...values]).toEqual(numbers)
  expect(narrowFloats(values, dtype)).toEqual(stored)
})

test('casting rounds to the nearest, ties to even', () => {
  const between = encode('float32', [1 + 2 ** -8, 1 + 3 * 2 ** -8])
  expect([...widenFloats(castFloats(between, 'float32', 'bfloat16'), 'bfloat16')]).toEqual([1, 1 + 2 ** -6])
})
