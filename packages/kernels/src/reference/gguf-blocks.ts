import type { KernelResult } from '../kernel.js'
import { floatReader, viewOf } from './float-access.js'
import { type FloatDtype, float16ToFloat32, float32ToFloat16 } from './float-formats.js'

/** Values of one row that share a scale. */
export const GGUF_BLOCK = 32

/** Bytes of a block: a float16 scale, then 32 codes of 8 or 4 bits. */
export const GGUF_BLOCK_BYTES = { Q8_0: 34, Q4_0: 18 } as const

export type GgufBlockType = keyof typeof GGUF_BLOCK_BYTES

export const GGUF_BLOCK_TYPES = Object.keys(GGUF_BLOCK_BYTES) as GgufBlockType[]

export interface GgufBlocksParams {
  readonly type: GgufBlockType
  readonly dtype: FloatDtype
  readonly rows: number
  /** A multiple of 32. */
  readonly columns: number
}

/**
 * llama.cpp's `quantize_row_q8_0_ref` and `quantize_row_q4_0_ref`: weight [rows, columns] -> blocks [rows, columns / 32].
 * Every step is rounded to float32. A block with a NaN, an infinity or a scale beyond float16 is left zero and counted.
 */
export function ggufBlocks(
  { type, dtype, rows, columns }: GgufBlocksParams,
  [weight]: readonly Uint8Array[],
  [blocks]: readonly Uint8Array[],
): KernelResult {
  const read = floatReader(dtype, weight!)
  const blockBytes = GGUF_BLOCK_BYTES[type]
  const encode = type === 'Q8_0' ? encodeQ8 : encodeQ4
  let nonFinite = 0
  for (let block = 0; block < (rows * columns) / GGUF_BLOCK; block++) {
    const values = Array.from({ length: GGUF_BLOCK }, (_, i) => read(block * GGUF_BLOCK + i))
    const target = blocks!.subarray(block * blockBytes, (block + 1) * blockBytes)
    if (!encode(values, target)) {
      target.fill(0)
      nonFinite++
    }
  }
  return { nonFinite }
}

/** d = max|x| / 127, codes x / d, halves away from zero. */
function encodeQ8(values: readonly number[], block: Uint8Array): boolean {
  const d = Math.fround(largest(values) / 127)
  const inverse = reciprocal(d)
  for (const [i, x] of values.entries()) {
    const v = Math.fround(x * inverse)
    block[2 + i] = Math.sign(v) * Math.floor(Math.abs(v) + 0.5)
  }
  return writeScale(d, block)
}

/**
 * d = m / -8, where m is the first of the values with the largest magnitude, codes x / d + 8 from 0 to 15. Byte j holds
 * codes j and j + 16.
 */
function encodeQ4(values: readonly number[], block: Uint8Array): boolean {
  const most = largest(values)
  const m = most === 0 ? 0 : (values.find((x) => Math.abs(x) === most) ?? Number.NaN)
  const d = Math.fround(m / -8)
  const inverse = reciprocal(d)
  const code = (x: number) => Math.min(15, Math.trunc(Math.fround(Math.fround(x * inverse) + 8.5)))
  for (let j = 0; j < 16; j++) block[2 + j] = code(values[j]!) | (code(values[j + 16]!) << 4)
  return writeScale(d, block)
}

const largest = (values: readonly number[]): number =>
  values.reduce((most, x) => Math.max(most, Math.abs(x)), 0)

/** Codes are made with the scale before it is rounded to float16; one too small to be inverted stands for zeros. */
function reciprocal(d: number): number {
  const inverse = Math.fround(1 / d)
  return Number.isFinite(inverse) ? inverse : 0
}

function writeScale(d: number, block: Uint8Array): boolean {
  const half = float32ToFloat16(d)
  viewOf(block).setUint16(0, half, true)
  return Number.isFinite(float16ToFloat32(half))
}
