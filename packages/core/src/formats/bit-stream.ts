/** Words of 32 bits that hold `count` codes. */
export const wordsFor = (count: number, bits: number): number => Math.ceil((count * bits) / 32)

/** Writes one code of 1 to 8 bits per field of a little-endian bit stream; `words` begins zero-filled. */
export function packStream(codes: ArrayLike<number>, bits: number, words: Int32Array): void {
  for (let index = 0; index < codes.length; index++) {
    const bit = index * bits
    const at = Math.floor(bit / 32)
    const shift = bit % 32
    words[at] = words[at]! | (codes[index]! << shift)
    // A code of 3, 5, 6 or 7 bits may end in the next word.
    if (shift + bits > 32) words[at + 1] = words[at + 1]! | (codes[index]! >>> (32 - shift))
  }
}

/** The first `count` codes of a little-endian bit stream. */
export function unpackStream(words: Int32Array, bits: number, count: number): Uint8Array {
  const mask = 2 ** bits - 1
  const codes = new Uint8Array(count)
  for (let index = 0; index < count; index++) {
    const bit = index * bits
    const at = Math.floor(bit / 32)
    const shift = bit % 32
    let code = words[at]! >>> shift
    if (shift + bits > 32) code |= words[at + 1]! << (32 - shift)
    codes[index] = code & mask
  }
  return codes
}
