import { float16At } from './float16.js'
import { type IntegerBlocks, shift } from './integer-blocks.js'

// Blocks of 256 values in groups with scales of their own, which are codes, too: ggml's `dequantize_row_q2_K` to `_q6_K`.
// A product of scales is rounded to float32 before the next step, as there: the arrays of the parts do so.

const VALUES = 256

/** 16 bytes of scale and least value, 64 bytes of codes, d, m; groups of 16: (d·s)·q − m·l. */
export const Q2_K: IntegerBlocks = {
  ...{ groupSize: 16, range: [0, 3], hasLeast: true },
  readScales(blocks, at, steps, leasts, group) {
    const d = float16At(blocks, at + 80)
    const m = float16At(blocks, at + 82)
    for (let own = 0; own < 16; own++) {
      const packed = blocks[at + own]!
      steps[group + own] = d * (packed & 15)
      leasts[group + own] = m * (packed >> 4)
    }
  },
  readIntegers(blocks, at, integers, to) {
    readQuarters(blocks, at + 16, integers, to)
  },
}

/** 32 bytes of third bits, 64 bytes of codes, 12 bytes of scales, d; groups of 16: (d·(s − 32))·(q − 4). */
export const Q3_K: IntegerBlocks = {
  ...{ groupSize: 16, range: [-4, 3], hasLeast: false },
  readScales(blocks, at, steps, _leasts, group) {
    const d = float16At(blocks, at + 108)
    for (let own = 0; own < 16; own++) steps[group + own] = d * (scaleOfQ3(blocks, at + 96, own) - 32)
  },
  readIntegers(blocks, at, integers, to) {
    readQuarters(blocks, at + 32, integers, to)
    for (let v = 0; v < VALUES; v++) integers[to + v]! |= ((blocks[at + (v & 31)]! >> (v >> 5)) & 1) << 2
    shift(integers, to, VALUES, -4)
  },
}

/** d, m, 12 bytes of scales and least values, 128 bytes of codes; groups of 32: (d·s)·q − m·l. */
export const Q4_K: IntegerBlocks = {
  ...{ groupSize: 32, range: [0, 15], hasLeast: true, readScales: readSixBits },
  readIntegers(blocks, at, integers, to) {
    readHalves(blocks, at + 16, integers, to)
  },
}

/** The same with 32 bytes of fifth bits before the codes. */
export const Q5_K: IntegerBlocks = {
  ...{ groupSize: 32, range: [0, 31], hasLeast: true, readScales: readSixBits },
  readIntegers(blocks, at, integers, to) {
    readHalves(blocks, at + 48, integers, to)
    for (let v = 0; v < VALUES; v++) integers[to + v]! |= ((blocks[at + 16 + (v & 31)]! >> (v >> 5)) & 1) << 4
  },
}

/** 128 bytes of lower bits, 64 bytes of upper ones, 16 signed scales, d; groups of 16: (d·s)·(q − 32). */
export const Q6_K: IntegerBlocks = {
  ...{ groupSize: 16, range: [-32, 31], hasLeast: false },
  readScales(blocks, at, steps, _leasts, group) {
    const d = float16At(blocks, at + 208)
    for (let own = 0; own < 16; own++) steps[group + own] = d * ((blocks[at + 192 + own]! << 24) >> 24)
  },
  readIntegers(blocks, at, integers, to) {
    readQuarters(blocks, at + 128, integers, to)
    for (let v = 0; v < VALUES; v++) {
      const low = blocks[at + 64 * (v >> 7) + (v & 63)]! >> (4 * ((v >> 6) & 1))
      integers[to + v] = ((integers[to + v]! << 4) | (low & 15)) - 32
    }
  },
}

/** Two bits a value: 32 bytes for each 128 values, the lowest bits for the first 32 of them. */
function readQuarters(blocks: Uint8Array, at: number, integers: Int8Array, to: number): void {
  for (let v = 0; v < VALUES; v++) {
    integers[to + v] = (blocks[at + 32 * (v >> 7) + (v & 31)]! >> (2 * ((v >> 5) & 3))) & 3
  }
}

/** Four bits a value: two groups of 32 share 32 bytes, the first one has the low nibbles. */
function readHalves(blocks: Uint8Array, at: number, integers: Int8Array, to: number): void {
  for (let i = 0; i < VALUES / 2; i++) {
    const byte = blocks[at + i]!
    const first = to + 64 * (i >> 5) + (i & 31)
    integers[first] = byte & 15
    integers[first + 32] = byte >> 4
  }
}

/** d, m, and six bits of both of the eight groups: the first four have bytes of their own, the others what those leave free. */
function readSixBits(
  blocks: Uint8Array,
  at: number,
  steps: Float32Array,
  leasts: Float32Array,
  group: number,
): void {
  const [d, m] = [float16At(blocks, at), float16At(blocks, at + 2)]
  for (let own = 0; own < 4; own++) {
    const [scale, least, both] = [blocks[at + 4 + own]!, blocks[at + 8 + own]!, blocks[at + 12 + own]!]
    steps[group + own] = d * (scale & 63)
    leasts[group + own] = m * (least & 63)
    steps[group + own + 4] = d * ((both & 15) | ((scale >> 6) << 4))
    leasts[group + own + 4] = m * ((both >> 4) | ((least >> 6) << 4))
  }
}

/** Six bits: eight bytes have the lower four of all sixteen groups, four more the upper two. */
function scaleOfQ3(blocks: Uint8Array, at: number, group: number): number {
  const low = group < 8 ? blocks[at + group]! & 15 : blocks[at + group - 8]! >> 4
  const high = (blocks[at + 8 + (group % 4)]! >> (2 * (group >> 2))) & 3
  return low | (high << 4)
}
