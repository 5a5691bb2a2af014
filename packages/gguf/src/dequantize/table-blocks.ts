import { float16At } from './float16.js'
import { type IntegerBlocks, readNibbles } from './integer-blocks.js'

// Four-bit codes that stand for unevenly spaced numbers.

/** ggml's `kvalues_iq4nl`. */
const IQ4 = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)

/** Twice an E2M1 value. Code 8 is 0 and not −0, as ggml has it. */
const TWICE_E2M1 = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)

/** d, 16 bytes of codes. */
export const IQ4_NL: IntegerBlocks = {
  ...{ groupSize: 32, range: [-127, 113], hasLeast: false },
  readScales(blocks, at, steps, _leasts, group) {
    steps[group] = float16At(blocks, at)
  },
  readIntegers(blocks, at, integers, to) {
    readTable(blocks, at + 2, IQ4, integers, to)
  },
}

/** 256 values: d, the upper bits of eight scales, their lower ones, eight times 16 bytes of codes. */
export const IQ4_XS: IntegerBlocks = {
  ...{ groupSize: 32, range: [-127, 113], hasLeast: false },
  readScales(blocks, at, steps, _leasts, group) {
    const d = float16At(blocks, at)
    for (let own = 0; own < 8; own++) {
      const low = (blocks[at + 4 + (own >> 1)]! >> (4 * (own & 1))) & 15
      const high = (blocks[at + 2 + (own >> 2)]! >> (2 * (own & 3))) & 3
      steps[group + own] = d * ((low | (high << 4)) - 32)
    }
  },
  readIntegers(blocks, at, integers, to) {
    for (let own = 0; own < 8; own++) readTable(blocks, at + 8 + 16 * own, IQ4, integers, to + 32 * own)
  },
}

/** An exponent without sign, 16 bytes of codes. The half that the table has too much is in the exponent. */
export const MXFP4: IntegerBlocks = {
  ...{ groupSize: 32, range: [-12, 12], hasLeast: false },
  readScales(blocks, at, steps, _leasts, group) {
    steps[group] = 2 ** (blocks[at]! - 128)
  },
  readIntegers(blocks, at, integers, to) {
    readTable(blocks, at + 1, TWICE_E2M1, integers, to)
  },
}

function readTable(blocks: Uint8Array, at: number, table: Int8Array, integers: Int8Array, to: number): void {
  readNibbles(blocks, at, integers, to)
  for (let i = to; i < to + 32; i++) integers[i] = table[integers[i]!]!
}
