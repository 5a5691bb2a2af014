import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { logProbabilities } from './log-probabilities.js'

const row = fc
  .array(fc.float({ min: -90, max: 90, noNaN: true }), { minLength: 1, maxLength: 40 })
  .map((logits) => Float32Array.from(logits))

describe('log-probabilities', () => {
  test('are the logarithms of probabilities that add up to one, the likeliest first', () => {
    fc.assert(
      fc.property(row, fc.nat(39), (logits, number) => {
        const token = number % logits.length
        const { logprob, top } = logProbabilities(logits, token, logits.length)
        const total = top.reduce((sum, [, value]) => sum + Math.exp(value), 0)
        expect(total).toBeCloseTo(1, 9)
        expect(new Map(top).get(token)).toBe(logprob)
        for (const [index, [, value]] of top.slice(1).entries()) {
          expect(value).toBeLessThanOrEqual(top[index]![1])
        }
      }),
    )
  })

  test('differ as the logits do, and of few the likeliest are told', () => {
    fc.assert(
      fc.property(row, fc.nat(39), fc.nat(20), (logits, number, count) => {
        const token = number % logits.length
        const { logprob, top } = logProbabilities(logits, token, count)
        const sorted = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b)
        expect(top.map(([id]) => id)).toEqual(sorted.slice(0, count))
        for (const [id, value] of top) expect(value - logprob).toBeCloseTo(logits[id]! - logits[token]!, 9)
      }),
    )
  })

  test('of a token that cannot come is -Infinity', () => {
    const logits = Float32Array.of(Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY, 0)
    const half = Math.log(0.5)
    expect(logProbabilities(logits, 2, 3)).toEqual({
      logprob: Number.NEGATIVE_INFINITY,
      top: [
        [1, half],
        [3, half],
        [0, Number.NEGATIVE_INFINITY],
      ],
    })
  })
})
