import { packStream, unpackStream, wordsFor } from '@hfquant/core'
import type { Bits } from './bits.js'

/** `gptq` (v1) holds zero points less one, `gptq_v2` holds them as they are. */
export type ZeroPointFormat = 'gptq' | 'gptq_v2'

/** One in every field of a word. */
const ONES: Readonly<Partial<Record<Bits, number>>> = { 2: 0x55555555, 4: 0x11111111, 8: 0x01010101 }

/**
 * Zero points [groups, rows] -> words [groups, ceil(rows * bits / 32)].
 *
 * v1 subtracts one from every field of a word at once, so that a zero point of 0 borrows from its neighbour, and reading
 * adds the same; fields of 3 bits, which straddle words, wrap one by one. Both as GPTQModel does.
 */
export function packZeroPoints(
  zeros: Uint8Array,
  groups: number,
  rows: number,
  bits: Bits,
  format: ZeroPointFormat,
): Int32Array {
  const width = wordsFor(rows, bits)
  const words = new Int32Array(groups * width)
  const ones = ONES[bits]
  const wrapped = format === 'gptq' && ones === undefined
  for (let group = 0; group < groups; group++) {
    const codes = zeros.subarray(group * rows, (group + 1) * rows)
    const fields = wrapped ? codes.map((zero) => (zero + 2 ** bits - 1) % 2 ** bits) : codes
    packStream(fields, bits, words.subarray(group * width, (group + 1) * width))
  }
  if (format === 'gptq' && ones !== undefined) {
    for (let at = 0; at < words.length; at++) words[at] = words[at]! - ones
  }
  return words
}

/** The reverse of `packZeroPoints`. */
export function unpackZeroPoints(
  words: Int32Array,
  groups: number,
  rows: number,
  bits: Bits,
  format: ZeroPointFormat,
): Uint8Array {
  const width = wordsFor(rows, bits)
  const ones = ONES[bits]
  const zeros = new Uint8Array(groups * rows)
  for (let group = 0; group < groups; group++) {
    let row = words.subarray(group * width, (group + 1) * width)
    if (format === 'gptq' && ones !== undefined) row = row.map((word) => word + ones)
    const codes = unpackStream(row, bits, rows)
    zeros.set(
      format === 'gptq' && ones === undefined ? codes.map((code) => (code + 1) % 2 ** bits) : codes,
      group * rows,
    )
  }
  return zeros
}

/**
 * What the tensor of a symmetric weight says about its own format: stored zero points are all 2^(bits-1), or all one
 * less. Undefined for anything else, such as an asymmetric weight. Words are compared, not fields: this runs at every
 * load of every weight.
 */
export function detectZeroPointFormat(
  words: Int32Array,
  groups: number,
  rows: number,
  bits: Bits,
): ZeroPointFormat | undefined {
  if (groups * rows === 0) return undefined
  const middle = 2 ** (bits - 1)
  const allAre = (zero: number) => holdsOnly(zero, words, groups, rows, bits)
  if (allAre(middle)) return 'gptq_v2'
  return allAre(middle - 1) ? 'gptq' : undefined
}

/** Whether every field is `zero`; what pads the last word of a group may be anything. */
function holdsOnly(zero: number, words: Int32Array, groups: number, rows: number, bits: Bits): boolean {
  const width = wordsFor(rows, bits)
  const wanted = new Int32Array(width)
  packStream(new Uint8Array(rows).fill(zero), bits, wanted)
  const used = (rows * bits) % 32
  const mask = used === 0 ? -1 : (1 << used) - 1
  for (let group = 0; group < groups; group++) {
    const start = group * width
    for (let at = 0; at < width - 1; at++) if (words[start + at] !== wanted[at]) return false
    if ((words[start + width - 1]! & mask) !== wanted[width - 1]) return false
  }
  return true
}
