import { blockByBlock, nibble } from './block-decoder.js'
import { float16At } from './float16.js'

// Four-bit codes that stand for unevenly spaced numbers.

/** ggml's `kvalues_iq4nl`. */
const IQ4 = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)

/** Twice an E2M1 value. Code 8 is 0 and not −0, as ggml has it. */
const TWICE_E2M1 = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)

/** d, 16 bytes of codes. */
export const decodeIQ4_NL = blockByBlock(32, 18, (blocks, at, values, to) => {
  const d = float16At(blocks, at)
  for (let i = 0; i < 32; i++) values[to + i] = d * IQ4[nibble(blocks, at + 2, i)]!
})

/** 256 values: d, the upper bits of eight scales, their lower ones, eight times 16 bytes of codes. */
export const decodeIQ4_XS = blockByBlock(256, 136, (blocks, at, values, to) => {
  const d = float16At(blocks, at)
  const high = blocks.getUint16(at + 2, true)
  const low = blocks.getUint32(at + 4, true)
  for (let group = 0; group < 8; group++) {
    const scale = ((low >>> (4 * group)) & 15) | (((high >>> (2 * group)) & 3) << 4)
    const step = Math.fround(d * (scale - 32))
    for (let i = 0; i < 32; i++) {
      values[to + 32 * group + i] = step * IQ4[nibble(blocks, at + 8 + 16 * group, i)]!
    }
  }
})

/** An exponent without sign, 16 bytes of codes. The half that the table has too much is in the exponent. */
export const decodeMXFP4 = blockByBlock(32, 17, (blocks, at, values, to) => {
  const scale = 2 ** (blocks.getUint8(at) - 128)
  for (let i = 0; i < 32; i++) values[to + i] = scale * TWICE_E2M1[nibble(blocks, at + 1, i)]!
})
