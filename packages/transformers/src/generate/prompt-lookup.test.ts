import { describe, expect, test } from 'vitest'
import { lookUpPrompt } from './prompt-lookup.js'

describe('looking up how a text went on', () => {
  test.each([
    ['what followed the same two tokens', [1, 2, 3, 4, 5, 1, 2], 3, [3, 4, 5]],
    ['as many tokens as are asked for', [1, 2, 3, 4, 5, 1, 2], 2, [3, 4]],
    ['where more tokens before it are the same', [9, 1, 2, 3, 8, 1, 2, 4, 9, 1, 2], 1, [3]],
    ['the last of equal places', [1, 2, 3, 0, 1, 2, 4, 0, 0, 1, 2], 1, [4]],
    ['a repetition, as far as it has come', [7, 7, 7], 5, [7]],
    ['nothing after a single token that came before', [1, 2, 3, 1], 4, []],
    ['nothing after what has not come before', [1, 2, 3, 4], 4, []],
    ['nothing in a text of one token', [1], 4, []],
  ])('finds %s', (_name, tokens, most, found) => {
    expect(lookUpPrompt(tokens, most)).toEqual(found)
  })

  test('takes a long text in a time that drafts can save', () => {
    const tokens = Array.from({ length: 200_000 }, (_, at) => at % 2)
    const start = performance.now()
    lookUpPrompt(tokens, 8)
    expect(performance.now() - start).toBeLessThan(10_000)
  })
})
