import type { KernelResult } from '../kernel.js'
import type { Float8Dtype } from './float8-dequantize.js'

export interface Float8GridsParams {
  readonly codeDtype: Float8Dtype
  readonly rows: number
  readonly columns: number
  /** Columns that have a grid of their own, a multiple of 16 that divides `columns`. */
  readonly groupSize: number
  /** What is wanted: codes, or which grid each block has. */
  readonly part: (typeof FLOAT8_GRID_PARTS)[number]
}

export const FLOAT8_GRID_PARTS = ['codes', 'grids'] as const

/** The largest code of a finite number, without its sign. */
export const LARGEST_FINITE: Readonly<Record<Float8Dtype, number>> = {
  float8_e4m3fn: 0x7e,
  float8_e5m2: 0x7b,
}

/** A grid is told as the largest magnitude of its block, plus this for the second of the two that there are for it. */
const SECOND = 0x80

/**
 * Eight-bit floats on evenly spaced values: of two grids for the largest magnitude of a block, the second where the first
 * loses more. codes [rows, columns], advantages float64 [128, 256], what the first loses of a code beyond the second, and
 * levels uint8 [2, 128, 256], both by the largest magnitude and the code -> levels of the codes, uint8 [rows, columns], or
 * grids, uint8 [rows, columns / groupSize]. Counts blocks that hold a code that is no finite number.
 */
export function float8Grids(
  { codeDtype, groupSize, part }: Float8GridsParams,
  [codes, advantages, levels]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  let nonFinite = 0
  const { buffer, byteOffset, byteLength } = advantages!
  const losses = new Float64Array(buffer.slice(byteOffset, byteOffset + byteLength))
  for (let start = 0; start < codes!.length; start += groupSize) {
    const block = codes!.subarray(start, start + groupSize)
    const largest = block.reduce((most, code) => Math.max(most, code & 0x7f), 0)
    if (largest > LARGEST_FINITE[codeDtype]) nonFinite += 1
    let advantage = 0
    for (const code of block) advantage += losses[256 * largest + code]!
    const isSecond = advantage > 0
    if (part === 'grids') result![start / groupSize] = largest + (isSecond ? SECOND : 0)
    else {
      const first = 256 * (largest + (isSecond ? 128 : 0))
      for (const [i, code] of block.entries()) result![start + i] = levels![first + code]!
    }
  }
  return { nonFinite }
}
