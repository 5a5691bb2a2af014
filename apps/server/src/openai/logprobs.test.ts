import { expect, it } from 'vitest'
import { answerLogprobs, promptLogprobs } from './logprobs.js'

/** Tokens by their number in a list of bytes. */
const bytesIn = (tokens: readonly (string | readonly number[])[]) => (id: number) =>
  Buffer.from(tokens[id]! as string)
const scoresOf = (tokens: readonly unknown[]) =>
  tokens.map((_, tokenId) => ({ tokenId, logprob: -1, top: [] }))

const SMILE = [...Buffer.from('😀')]

it.each([
  ['words', ['One', ' day'], [10, 13]],
  [
    'parts of a character, where that begins',
    ['a', SMILE.slice(0, 1), SMILE.slice(1), 'b'],
    [10, 11, 11, 13],
  ],
  ['what has no text', ['', 'a', '', 'ä', 'b'], [10, 10, 11, 11, 12]],
])('offsets in an answer count UTF-16 units: %s', (_, tokens, offsets) => {
  expect(answerLogprobs(scoresOf(tokens), bytesIn(tokens), 10).text_offset).toEqual(offsets)
})

it.each([
  ['a space that the tokenizer put in front', 'One day', [' One', ' day'], [0, 3]],
  ['a space of its own that is not there', 'One', [' ', 'One'], [0, 0]],
  [
    'special tokens, which have a text in the echo alone',
    '<s>One<s> day',
    ['', 'One', '', ' day'],
    [0, 3, 6, 9],
  ],
  ['texts that were changed on the way', 'ONE', ['o', 'ne', 'x'], [0, 1, 3]],
])('offsets in a prompt stay within its text: %s', (_, text, tokens, offsets) => {
  expect(promptLogprobs(scoresOf(tokens), bytesIn(tokens), text).text_offset).toEqual(offsets)
})
