import { expect, test } from 'vitest'
import { codePointOffsets } from './code-points.js'

test('offsets of UTF-16 units become those of code points, also behind half a character', () => {
  const offset = codePointOffsets('👩 is 👩‍👧')
  expect([0, 2, 3, 5, 6, 8, 9, 11].map(offset)).toEqual([0, 1, 2, 4, 5, 6, 7, 8])
})
