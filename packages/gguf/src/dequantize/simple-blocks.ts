import { float16At } from './float16.js'
import { type IntegerBlocks, readNibbles, shift } from './integer-blocks.js'

// Blocks of 32 values with one scale, or a scale and a least value: ggml's `dequantize_row_q4_0` to `_q8_0`.

type ReadScales = IntegerBlocks['readScales']

const readStep: ReadScales = (blocks, at, steps, _leasts, group) => {
  steps[group] = float16At(blocks, at)
}

/** The second number is the least value itself. */
const readStepAndLeast: ReadScales = (blocks, at, steps, leasts, group) => {
  steps[group] = float16At(blocks, at)
  leasts[group] = -float16At(blocks, at + 2)
}

/** d, 16 bytes of codes: d·(q − 8). */
export const Q4_0: IntegerBlocks = {
  ...{ groupSize: 32, range: [-8, 7], hasLeast: false, readScales: readStep },
  readIntegers(blocks, at, integers, to) {
    readNibbles(blocks, at + 2, integers, to)
    shift(integers, to, 32, -8)
  },
}

/** d, m, 16 bytes of codes: d·q + m. */
export const Q4_1: IntegerBlocks = {
  ...{ groupSize: 32, range: [0, 15], hasLeast: true, readScales: readStepAndLeast },
  readIntegers(blocks, at, integers, to) {
    readNibbles(blocks, at + 4, integers, to)
  },
}

/** d, 32 fifth bits, 16 bytes of codes: d·(q − 16). */
export const Q5_0: IntegerBlocks = {
  ...{ groupSize: 32, range: [-16, 15], hasLeast: false, readScales: readStep },
  readIntegers(blocks, at, integers, to) {
    readNibbles(blocks, at + 6, integers, to)
    addFifthBits(blocks, at + 2, integers, to)
    shift(integers, to, 32, -16)
  },
}

/** d, m, 32 fifth bits, 16 bytes of codes: d·q + m. */
export const Q5_1: IntegerBlocks = {
  ...{ groupSize: 32, range: [0, 31], hasLeast: true, readScales: readStepAndLeast },
  readIntegers(blocks, at, integers, to) {
    readNibbles(blocks, at + 8, integers, to)
    addFifthBits(blocks, at + 4, integers, to)
  },
}

/** d, 32 signed codes: d·q. */
export const Q8_0: IntegerBlocks = {
  ...{ groupSize: 32, range: [-128, 127], hasLeast: false, readScales: readStep },
  readIntegers(blocks, at, integers, to) {
    // Bytes are stored modulo 256, and read as signed ones.
    for (let i = 0; i < 32; i++) integers[to + i] = blocks[at + 2 + i]!
  },
}

/** Four bytes: bit `i` of them belongs to value `i`. */
function addFifthBits(blocks: Uint8Array, at: number, integers: Int8Array, to: number): void {
  for (let i = 0; i < 32; i++) integers[to + i]! |= ((blocks[at + (i >> 3)]! >> (i & 7)) & 1) << 4
}
