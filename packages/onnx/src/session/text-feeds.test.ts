import { expect, test } from 'vitest'
import { textFeeds, textOffsets } from './text-feeds.js'

test('tokens of texts stand one below the other, the last one twice where their number is odd', () => {
  const texts = [{ ids: [5, 6, 7], types: [0, 1, 1] }, { ids: [8, 9] }]
  const feeds = textFeeds(texts)
  const numbers = (name: string) => Array.from(feeds[name]!.data, Number)
  expect(textOffsets(texts)).toEqual([0, 3])
  expect(feeds.input_ids!.shape).toEqual([6, 1])
  expect(numbers('input_ids')).toEqual([5, 6, 7, 8, 9, 9])
  expect(numbers('token_type_ids')).toEqual([0, 1, 1, 0, 0, 0])
  expect(numbers('paired_tokens')).toEqual([0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 1, 1])
  // Behind the end of the second text stands its first token.
  expect(feeds.attended_rows!.shape).toEqual([2, 3, 2])
  expect(numbers('attended_rows')).toEqual([0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 3, 0])
  expect(numbers('position_ids')).toEqual([0, 1, 2, 0, 1, 2])
  expect(numbers('seqlens_k')).toEqual([2, 1])
  expect(numbers('total_sequence_length')).toEqual([3])
})
