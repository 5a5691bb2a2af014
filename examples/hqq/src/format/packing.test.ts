import { describe, expect, test } from 'vitest'
import { cases, readCase } from '../testing/golden.fixture.js'
import { PACKINGS, packCodes, packingOf, unpackCodes, type Words, wordRows } from './packing.js'

const wordsOf = (bytes: Uint8Array, word: 'uint8' | 'int32'): Words =>
  word === 'uint8' ? bytes : new Int32Array(bytes.slice().buffer)

describe.each(cases)(
  'the packed codes of $name',
  ({ name, packing: packingName, W_q_shape, nbits, view_as_float }) => {
    const packing = PACKINGS.find((known) => known.name === packingName)!

    test('are unpacked, and packed again to the same bytes', async () => {
      const golden = await readCase(name)
      const [packed, wanted] = [golden.get('W_q')!, golden.get('codes')!]
      const words = wordsOf(packed.bytes, packing.word)
      const codes = new Uint8Array(wanted.bytes.length)
      unpackCodes(words, packing, 0, codes)
      expect(codes).toEqual(wanted.bytes)

      const again = words.slice()
      packCodes(codes, packing, again)
      expect(again).toEqual(words)
      expect(packingOf(nbits)).toBe(packing)
      if (view_as_float) return
      const columns = W_q_shape[1]!
      expect(wordRows(packing, codes.length / columns)).toBe(W_q_shape[0])
    })
  },
)

test('any range of codes can be unpacked alone', async () => {
  const golden = await readCase('a_w3_g32_ax1')
  const words = wordsOf(golden.get('W_q')!.bytes, 'int32')
  const range = new Uint8Array(700)
  unpackCodes(words, packingOf(3), 391, range)
  expect(range).toEqual(golden.get('codes')!.bytes.slice(391, 391 + 700))
})

test('rows that do not fill words are refused, except at 3 bits, which are padded', () => {
  expect(wordRows(packingOf(4), 3)).toBeUndefined()
  expect(wordRows(packingOf(2), 6)).toBeUndefined()
  expect(wordRows(packingOf(1), 12)).toBeUndefined()
  expect(wordRows(packingOf(3), 11)).toBe(2)
  expect(wordRows(packingOf(6), 7)).toBe(7)
})
