import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expectEqualBytes } from './equal-bytes.fixture.js'
import { FLOAT_DTYPES, holdsNonFinite } from './index.js'
import { dtypes, encode, weights } from './weights.arbitrary.js'

test.each(FLOAT_DTYPES)('%s: one NaN or infinity is found wherever it stands', (dtype) => {
  const largest = dtype === 'float16' ? 65_504 : 3e38
  for (const length of [1, 3, 32, 33, 75]) {
    const values = Array.from({ length }, (_, index): number => (index % 2 === 0 ? largest : -0))
    expect(holdsNonFinite(encode(dtype, values), dtype)).toBe(false)
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (let at = 0; at < length; at++) {
        expect(holdsNonFinite(encode(dtype, values.with(at, wrong)), dtype)).toBe(true)
      }
    }
  }
})

test('it gives the answer of its formula', () => {
  const call = dtypes.chain((dtype) => fc.tuple(fc.constant(dtype), weights(dtype, 50)))
  fc.assert(
    fc.property(call, ([dtype, bytes]) => {
      expectEqualBytes('holdsNonFinite', { dtype }, [bytes], [])
    }),
    { numRuns: 300 },
  )
})
