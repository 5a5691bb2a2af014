import type { Width } from '../config/settings.js'

/** How codes are packed into words. Files name it, and are decoded by that name, not by their number of bits. */
export interface Packing {
  readonly name: '8bit_u8' | '4bit_u8' | '3bit_32' | '2bit_u8' | '1bit_u8'
  readonly word: 'uint8' | 'int32'
  /** Bits of a code's field. */
  readonly bits: number
  readonly codesPerWord: number
}

export const PACKINGS: readonly Packing[] = [
  { name: '8bit_u8', word: 'uint8', bits: 8, codesPerWord: 1 },
  { name: '4bit_u8', word: 'uint8', bits: 4, codesPerWord: 2 },
  // Ten codes fill 30 of 32 bits.
  { name: '3bit_32', word: 'int32', bits: 3, codesPerWord: 10 },
  { name: '2bit_u8', word: 'uint8', bits: 2, codesPerWord: 4 },
  { name: '1bit_u8', word: 'uint8', bits: 1, codesPerWord: 8 },
]

/** The narrowest packing that holds codes of a width. */
export const packingOf = (nbits: Width): Packing =>
  PACKINGS.findLast(({ bits }) => bits >= nbits) ?? PACKINGS[0]!

/** Words of a packed code matrix, row by row: [wordRows, columns]. */
export type Words = Uint8Array | Int32Array

/**
 * Rows of words for `rows` rows of codes; undefined when the codes do not fill them. The reference pads 3 bits with
 * rows of zeros and writes garbage for other widths.
 */
export function wordRows({ name, codesPerWord }: Packing, rows: number): number | undefined {
  const exact = rows / codesPerWord
  if (name === '3bit_32') return Math.ceil(exact)
  return Number.isInteger(exact) ? exact : undefined
}

/**
 * Codes [rows, columns] -> words [wordRows, columns].
 *
 * The matrix is cut into `codesPerWord` slabs of rows; a word holds the same position of every slab, the first slab in
 * the highest bits: its neighbours are half a matrix apart, not side by side.
 */
export function packCodes(codes: Uint8Array, { bits, codesPerWord }: Packing, words: Words): void {
  const slab = words.length
  words.fill(0)
  for (let index = 0; index < codes.length; index++) {
    const position = Math.floor(index / slab)
    const at = index - position * slab
    words[at] = words[at]! | (codes[index]! << (bits * (codesPerWord - 1 - position)))
  }
}

/** The codes from index `first` on, as many as `codes` has room for. */
export function unpackCodes(
  words: Words,
  { bits, codesPerWord }: Packing,
  first: number,
  codes: Uint8Array,
): void {
  const slab = words.length
  const mask = 2 ** bits - 1
  for (let done = 0; done < codes.length; ) {
    const index = first + done
    const position = Math.floor(index / slab)
    const start = index - position * slab
    const shift = bits * (codesPerWord - 1 - position)
    const count = Math.min(slab - start, codes.length - done)
    for (let i = 0; i < count; i++) codes[done + i] = (words[start + i]! >>> shift) & mask
    done += count
  }
}
