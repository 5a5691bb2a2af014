import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scoreTokens } from './likelihood.js'

const VOCABULARY = 7

/** A model to which every token is equally likely. */
const indifferent = async (inputIds: readonly (readonly number[])[]) => {
  const length = inputIds[0]!.length
  return { logits: new Float32Array(length * VOCABULARY), shape: [1, length, VOCABULARY] as const }
}

test('every token but the first counts once, for any window and stride', async () => {
  const window = fc.integer({ min: 2, max: 20 })
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 60 }),
      window,
      fc.integer({ min: 1, max: 20 }),
      async (length, maxLength, wish) => {
        const ids = Array.from({ length }, (_, index) => index % VOCABULARY)
        const stride = Math.min(wish, maxLength)
        const { loss, tokens } = await scoreTokens(ids, indifferent, { contextLength: 20, maxLength, stride })
        expect(tokens).toBe(length - 1)
        expect(loss).toBeCloseTo(Math.log(VOCABULARY), 6)
      },
    ),
  )
})

test.each([
  [[1], 4],
  [[1, 2, 3], 5],
  [[1, 2, 3], 0],
])('%j with stride %d is refused', async (ids, stride) => {
  const scoring = scoreTokens(ids, indifferent, { contextLength: 4, stride })
  await expect(scoring).rejects.toMatchObject({ code: 'PERPLEXITY_INPUT' })
})
