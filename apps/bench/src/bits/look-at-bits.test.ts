import { expect, test } from 'vitest'
import { type LookedAt, lookAtBits, relativeDifference } from './look-at-bits.js'

/** A model of three tokens; `disturbance` is what the others of a batch add to logits, and to the tokens of a text. */
function modelWith(disturbance: { readonly logits: number; readonly tokens: number }): LookedAt {
  let running = 0
  return {
    async forward({ inputIds }) {
      const added = inputIds.length > 1 ? disturbance.logits : 0
      const rows = inputIds.flatMap((row) => [...row].flatMap((id) => [Number(id) - 96, added, 100]))
      return { logits: Float32Array.from(rows), shape: [inputIds.length, inputIds[0]!.length, 3] }
    },
    async *generate(prompt, { maxNewTokens } = {}) {
      const { inputIds } = prompt as { readonly inputIds: readonly number[] }
      running++
      for (let step = 0; step < maxNewTokens!; step++) {
        await Promise.resolve()
        yield { tokenId: inputIds.length + step + (running > 1 ? disturbance.tokens : 0), text: '' }
      }
      running--
    },
  }
}

const texts = [5, 40, 23].flatMap((length) => Array.from({ length: 12 }, (_, step) => length + step))

test('a sequence has the same bits beside others', async () => {
  const found = await lookAtBits(modelWith({ logits: 0, tokens: 0 }))
  expect(found).toEqual({ beside: 0, tokens: texts, logits: [expect.any(Number), 0, 100] })
  expect(found.logits[0]).toBeLessThan(0)
})

test('other bits beside others are told as a share of the greatest logit', async () => {
  expect(await lookAtBits(modelWith({ logits: 25, tokens: 0 }))).toMatchObject({
    beside: 0.25,
    tokens: texts,
  })
})

test('a text that others change counts as a whole', async () => {
  expect((await lookAtBits(modelWith({ logits: 0, tokens: 1 }))).beside).toBe(1)
})

test.each([
  [[1, -4], [1, -4], 0],
  [[1, 2], [1, -4], 1.5],
  [[0, 0], [0, 0], 0],
  [[1], [1, 2], Number.POSITIVE_INFINITY],
  [[1, 2, 3], [1, 2], Number.POSITIVE_INFINITY],
  [[1, Number.NaN], [1, 2], Number.NaN],
])('numbers %j differ from %j by %d of the greatest', (found, expected, difference) => {
  expect(relativeDifference(found, expected)).toBe(difference)
})
