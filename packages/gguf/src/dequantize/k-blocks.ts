import { blockByBlock } from './block-decoder.js'
import { float16At } from './float16.js'

// Blocks of 256 values in groups with scales of their own, which are codes, too: ggml's `dequantize_row_q2_K` to `_q6_K`.
// Every product is rounded to float32 before the next step, as there.

const VALUES = 256

/** 16 bytes of scale and least value, 64 bytes of codes, d, m; groups of 16: (d·s)·q − m·l. */
export const decodeQ2_K = blockByBlock(VALUES, 84, (blocks, at, values, to) => {
  const d = float16At(blocks, at + 80)
  const m = float16At(blocks, at + 82)
  for (let v = 0; v < VALUES; v++) {
    const packed = blocks.getUint8(at + (v >> 4))
    const step = Math.fround(d * (packed & 15))
    const least = Math.fround(m * (packed >> 4))
    values[to + v] = Math.fround(step * twoBits(blocks, at + 16, v)) - least
  }
})

/** 32 bytes of third bits, 64 bytes of codes, 12 bytes of scales, d; groups of 16: (d·(s − 32))·(q − 4). */
export const decodeQ3_K = blockByBlock(VALUES, 110, (blocks, at, values, to) => {
  const d = float16At(blocks, at + 108)
  for (let v = 0; v < VALUES; v++) {
    const third = (blocks.getUint8(at + (v & 31)) >> (v >> 5)) & 1
    const code = twoBits(blocks, at + 32, v) | (third << 2)
    values[to + v] = Math.fround(d * (scaleOfQ3(blocks, at + 96, v >> 4) - 32)) * (code - 4)
  }
})

/** d, m, 12 bytes of scales and least values, 128 bytes of codes; groups of 32: (d·s)·q − m·l. */
export const decodeQ4_K = blockByBlock(VALUES, 144, (blocks, at, values, to) => {
  const d = float16At(blocks, at)
  const m = float16At(blocks, at + 2)
  for (let group = 0; group < 8; group++) {
    const step = Math.fround(d * scaleOf(blocks, at + 4, group))
    const least = Math.fround(m * leastOf(blocks, at + 4, group))
    for (let i = 0; i < 32; i++) {
      values[to + 32 * group + i] = Math.fround(step * fourBits(blocks, at + 16, group, i)) - least
    }
  }
})

/** The same with 32 bytes of fifth bits before the codes. */
export const decodeQ5_K = blockByBlock(VALUES, 176, (blocks, at, values, to) => {
  const d = float16At(blocks, at)
  const m = float16At(blocks, at + 2)
  for (let group = 0; group < 8; group++) {
    const step = Math.fround(d * scaleOf(blocks, at + 4, group))
    const least = Math.fround(m * leastOf(blocks, at + 4, group))
    for (let i = 0; i < 32; i++) {
      const fifth = (blocks.getUint8(at + 16 + i) >> group) & 1
      const code = fourBits(blocks, at + 48, group, i) | (fifth << 4)
      values[to + 32 * group + i] = Math.fround(step * code) - least
    }
  }
})

/** 128 bytes of lower bits, 64 bytes of upper ones, 16 signed scales, d; groups of 16: (d·s)·(q − 32). */
export const decodeQ6_K = blockByBlock(VALUES, 210, (blocks, at, values, to) => {
  const d = float16At(blocks, at + 208)
  for (let v = 0; v < VALUES; v++) {
    const half = v >> 7
    const low = blocks.getUint8(at + 64 * half + (v & 63))
    const code = ((v & 64) === 0 ? low & 15 : low >> 4) | (twoBits(blocks, at + 128, v) << 4)
    values[to + v] = Math.fround(d * blocks.getInt8(at + 192 + (v >> 4))) * (code - 32)
  }
})

/** Two bits of value `v`: 32 bytes for each 128 values, the lowest bits for the first 32 of them. */
function twoBits(blocks: DataView, at: number, v: number): number {
  return (blocks.getUint8(at + 32 * (v >> 7) + (v & 31)) >> (2 * ((v >> 5) & 3))) & 3
}

/** Four bits of value `i` of a group of 32: two groups share 32 bytes, the first one has the low nibbles. */
function fourBits(blocks: DataView, at: number, group: number, i: number): number {
  const byte = blocks.getUint8(at + 32 * (group >> 1) + i)
  return group % 2 === 0 ? byte & 15 : byte >> 4
}

/** Six bits: of the first four groups in bytes of their own, of the others shared with what those leave free. */
function scaleOf(blocks: DataView, at: number, group: number): number {
  if (group < 4) return blocks.getUint8(at + group) & 63
  return (blocks.getUint8(at + group + 4) & 15) | ((blocks.getUint8(at + group - 4) >> 6) << 4)
}

function leastOf(blocks: DataView, at: number, group: number): number {
  if (group < 4) return blocks.getUint8(at + group + 4) & 63
  return (blocks.getUint8(at + group + 4) >> 4) | ((blocks.getUint8(at + group) >> 6) << 4)
}

/** Six bits: eight bytes have the lower four of all sixteen groups, four more the upper two. */
function scaleOfQ3(blocks: DataView, at: number, group: number): number {
  const low = group < 8 ? blocks.getUint8(at + group) & 15 : blocks.getUint8(at + group - 8) >> 4
  const high = (blocks.getUint8(at + 8 + (group % 4)) >> (2 * (group >> 2))) & 3
  return low | (high << 4)
}
