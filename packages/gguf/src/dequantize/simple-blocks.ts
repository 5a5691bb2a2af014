import { blockByBlock, nibble } from './block-decoder.js'
import { float16At } from './float16.js'

// Blocks of 32 values with one scale, or a scale and a least value: ggml's `dequantize_row_q4_0` to `_q8_0`.

/** d, 16 bytes of codes: d·(q − 8). */
export const decodeQ4_0 = blockByBlock(32, 18, (blocks, at, values, to) => {
  const d = float16At(blocks, at)
  for (let i = 0; i < 32; i++) values[to + i] = d * (nibble(blocks, at + 2, i) - 8)
})

/** d, m, 16 bytes of codes: d·q + m. */
export const decodeQ4_1 = blockByBlock(32, 20, (blocks, at, values, to) => {
  const d = float16At(blocks, at)
  const m = float16At(blocks, at + 2)
  for (let i = 0; i < 32; i++) values[to + i] = Math.fround(d * nibble(blocks, at + 4, i)) + m
})

/** d, 32 fifth bits, 16 bytes of codes: d·(q − 16). */
export const decodeQ5_0 = blockByBlock(32, 22, (blocks, at, values, to) => {
  const d = float16At(blocks, at)
  for (let i = 0; i < 32; i++) values[to + i] = d * (fiveBits(blocks, at + 2, i) - 16)
})

/** d, m, 32 fifth bits, 16 bytes of codes: d·q + m. */
export const decodeQ5_1 = blockByBlock(32, 24, (blocks, at, values, to) => {
  const d = float16At(blocks, at)
  const m = float16At(blocks, at + 2)
  for (let i = 0; i < 32; i++) values[to + i] = Math.fround(d * fiveBits(blocks, at + 4, i)) + m
})

/** d, 32 signed codes: d·q. */
export const decodeQ8_0 = blockByBlock(32, 34, (blocks, at, values, to) => {
  const d = float16At(blocks, at)
  for (let i = 0; i < 32; i++) values[to + i] = d * blocks.getInt8(at + 2 + i)
})

/** Code `index` of 32 with four bytes of fifth bits before the nibbles. */
function fiveBits(blocks: DataView, at: number, index: number): number {
  const fifth = (blocks.getUint32(at, true) >>> index) & 1
  return nibble(blocks, at + 4, index) | (fifth << 4)
}
