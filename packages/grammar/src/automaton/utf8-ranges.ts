/** Characters from `min` to `max`, as code points. */
export interface CharacterRange {
  readonly min: number
  readonly max: number
}

/** Bytes from `low` to `high`. */
export interface ByteRange {
  readonly low: number
  readonly high: number
}

/** The last code points that take one, two and three bytes. */
const LAST_OF_LENGTH = [0x7f, 0x7ff, 0xffff]

const FIRST_SURROGATE = 0xd800
const LAST_SURROGATE = 0xdfff

/** The byte sequences of a range of characters: every character is in exactly one of them. Surrogates have no bytes. */
export function utf8Ranges({ min, max }: CharacterRange): ByteRange[][] {
  if (min > max) return []
  if (min <= LAST_SURROGATE && max >= FIRST_SURROGATE) {
    return [...utf8Ranges({ min, max: FIRST_SURROGATE - 1 }), ...utf8Ranges({ min: LAST_SURROGATE + 1, max })]
  }
  for (const last of LAST_OF_LENGTH) if (min <= last && max > last) return splitAfter(last)

  // All characters have equally many bytes now; cut where the later bytes do not run through all of their values.
  for (let bits = 6; bits <= 18; bits += 6) {
    const rest = 2 ** bits - 1
    if (max <= LAST_OF_LENGTH[0]! || min >> bits === max >> bits) continue
    if ((min & rest) !== 0) return splitAfter(min | rest)
    if ((max & rest) !== rest) return splitAfter((max & ~rest) - 1)
  }
  const first = encode(min)
  const last = encode(max)
  return [first.map((low, index) => ({ low, high: last[index]! }))]

  function splitAfter(last: number): ByteRange[][] {
    return [...utf8Ranges({ min, max: last }), ...utf8Ranges({ min: last + 1, max })]
  }
}

function encode(character: number): number[] {
  if (character <= 0x7f) return [character]
  const trailing = (shift: number) => 0x80 | ((character >> shift) & 0x3f)
  if (character <= 0x7ff) return [0xc0 | (character >> 6), trailing(0)]
  if (character <= 0xffff) return [0xe0 | (character >> 12), trailing(6), trailing(0)]
  return [0xf0 | (character >> 18), trailing(12), trailing(6), trailing(0)]
}
