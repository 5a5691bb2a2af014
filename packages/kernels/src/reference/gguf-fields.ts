import { float16ToFloat32 } from './float-formats.js'

// Fields that blocks of several types of GGUF have in common.

export const half = (block: DataView, at: number): number => float16ToFloat32(block.getUint16(at, true))

/** Bits `shift` and up of a byte. */
export const bitsOf = (block: DataView, at: number, shift: number, count: number): number =>
  (block.getUint8(at) >> shift) & (2 ** count - 1)

/** Six bits of one of eight scales: the first four have bytes of their own, the others what those leave free. */
export const sixBits = (block: DataView, group: number): number =>
  group < 4
    ? bitsOf(block, 4 + group, 0, 6)
    : bitsOf(block, 8 + group, 0, 4) | (bitsOf(block, group, 6, 2) << 4)

/** Two groups of 32 share 32 bytes, the first one has the low nibbles. */
export const nibble = (block: DataView, at: number, index: number): number =>
  bitsOf(block, at + 32 * (index >> 6) + (index & 31), 4 * ((index >> 5) & 1), 4)

/** Six bits of one of eight least values, which lie beside the scales. */
export const sixBitsOfLeast = (block: DataView, group: number): number =>
  group < 4
    ? bitsOf(block, 8 + group, 0, 6)
    : bitsOf(block, 8 + group, 4, 4) | (bitsOf(block, 4 + group, 6, 2) << 4)

/** Six bits of one of the sixteen scales of Q3_K: eight bytes have the lower four of all, four more the upper two. */
export const sixBitsOfQ3 = (block: DataView, group: number): number =>
  bitsOf(block, 96 + (group & 7), 4 * (group >> 3), 4) |
  (bitsOf(block, 104 + (group & 3), 2 * (group >> 2), 2) << 4)

/** Five bits of one of 32 values: nibbles, the low ones of the first half, and a bit of four bytes each. */
export const fiveBits = (block: DataView, bits: number, nibbles: number, index: number): number =>
  bitsOf(block, nibbles + (index & 15), 4 * (index >> 4), 4) |
  (bitsOf(block, bits + (index >> 3), index & 7, 1) << 4)
