import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { score, toLogProbabilities } from './score.js'
import { cutWindows } from './sequences.js'

const COLUMNS = 5
const logitsRow = fc.array(fc.integer({ min: -20, max: 20 }), {
  minLength: COLUMNS,
  maxLength: COLUMNS,
})

/** Log-probabilities of one row of logits. */
function logSoftmax(logits: readonly number[]): Float32Array {
  const row = Float32Array.from(logits)
  toLogProbabilities(row, COLUMNS)
  return row
}

describe('log-probabilities', () => {
  it('are those of a distribution, in the order of the logits', () => {
    fc.assert(
      fc.property(logitsRow, (logits) => {
        const row = logSoftmax(logits)
        expect(row.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 4)
        expect(row.indexOf(Math.max(...row))).toBe(logits.indexOf(Math.max(...logits)))
      }),
    )
  })

  it('do not overflow for large logits', () => {
    expect([...logSoftmax([1000, 0, 0, 0, 0])]).toEqual([0, -1000, -1000, -1000, -1000])
  })
})

describe('a score', () => {
  it('of a uniform model is the logarithm of the vocabulary', () => {
    const { tokens, negativeLogLikelihood } = score(logSoftmax([0, 0, 0, 0, 0]), [3], COLUMNS, undefined)
    expect(tokens).toBe(1)
    expect(negativeLogLikelihood).toBeCloseTo(Math.log(COLUMNS), 6)
  })

  it('has no divergence from itself, and never a negative one', () => {
    fc.assert(
      fc.property(logitsRow, logitsRow, (left, right) => {
        const [own, other] = [logSoftmax(left), logSoftmax(right)]
        expect(score(own, [0], COLUMNS, own)).toMatchObject({ divergence: 0, agreed: 1 })
        expect(score(own, [0], COLUMNS, other).divergence).toBeGreaterThan(-1e-5)
      }),
    )
  })

  /** KL((1/2, 1/2) || (1/4, 3/4)) = log 2 / 2 + log(2/3) / 2 */
  it('measures the divergence of the model from the reference, not the other way round', () => {
    const reference = Float32Array.from([Math.log(0.5), Math.log(0.5)])
    const own = Float32Array.from([Math.log(0.25), Math.log(0.75)])
    expect(score(own, [0], 2, reference).divergence).toBeCloseTo(Math.log(2) / 2 + Math.log(2 / 3) / 2, 6)
  })
})

describe('windows', () => {
  it('are no longer than allowed, and predict every token but the first exactly once', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.integer({ min: 2, max: 10 }), (length, size) => {
        const ids = Array.from({ length }, (_, index) => index)
        const windows = [...cutWindows(ids, size)]
        for (const window of windows) expect(window.length).toBeLessThanOrEqual(size)
        expect(windows.flatMap((window) => window.slice(1))).toEqual(ids.slice(1))
      }),
    )
  })
})
