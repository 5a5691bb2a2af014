import type { KernelResult } from '../kernel.js'
import { type EightBitPart, eightBitBlocks } from './eight-bit-blocks.js'
import { viewOf } from './float-access.js'
import { bitsOf, fiveBits, half, nibble, sixBits, sixBitsOfLeast } from './gguf-fields.js'

/** A type of GGUF blocks with least values, whose weights are rounded for the runtime's `MatMulNBits`. */
interface RoundedType {
  readonly blockValues: number
  readonly blockBytes: number
  /** Values that share a step and a least value. */
  readonly groupSize: number
  stepOf(block: DataView, group: number): number
  leastOf(block: DataView, group: number): number
  integerOf(block: DataView, index: number): number
}

export const GGUF_ROUNDED_TYPES = {
  Q5_1: {
    ...{ blockValues: 32, blockBytes: 24, groupSize: 32 },
    stepOf: (block) => half(block, 0),
    leastOf: (block) => -half(block, 2),
    integerOf: (block, index) => fiveBits(block, 4, 8, index),
  },
  Q5_K: {
    ...{ blockValues: 256, blockBytes: 176, groupSize: 32 },
    stepOf: (block, group) => half(block, 0) * sixBits(block, group),
    leastOf: (block, group) => half(block, 2) * sixBitsOfLeast(block, group),
    integerOf: (block, index) =>
      nibble(block, 48, index) | (bitsOf(block, 16 + (index & 31), index >> 5, 1) << 4),
  },
  Q2_K: {
    ...{ blockValues: 256, blockBytes: 84, groupSize: 16 },
    stepOf: (block, group) => half(block, 80) * bitsOf(block, group, 0, 4),
    leastOf: (block, group) => half(block, 82) * bitsOf(block, group, 4, 4),
    integerOf: (block, index) =>
      bitsOf(block, 16 + 32 * (index >> 7) + (index & 31), 2 * ((index >> 5) & 3), 2),
  },
} as const satisfies Readonly<Record<string, RoundedType>>

export type GgufRoundedType = keyof typeof GGUF_ROUNDED_TYPES

export interface GgufRoundedParams {
  readonly type: GgufRoundedType
  readonly rows: number
  /** A multiple of the values of a block, and of `groupSize`. */
  readonly columns: number
  /** Columns that share a scale of the result. */
  readonly groupSize: number
  readonly part: EightBitPart
}

/**
 * Blocks -> codes or scales as `eightBitBlocks` makes them of the values: step · integer − least, with the step, the least
 * value and every result rounded to float32.
 */
export function ggufRounded(
  { type, rows, columns, groupSize, part }: GgufRoundedParams,
  [blocks]: readonly Uint8Array[],
  outputs: readonly Uint8Array[],
): KernelResult {
  const rounded: RoundedType = GGUF_ROUNDED_TYPES[type]
  const values = new Float32Array(rows * columns)
  for (const [at] of values.entries()) {
    const [number, index] = [Math.floor(at / rounded.blockValues), at % rounded.blockValues]
    const start = number * rounded.blockBytes
    const block = viewOf(blocks!.subarray(start, start + rounded.blockBytes))
    const group = Math.floor(index / rounded.groupSize)
    const step = Math.fround(rounded.stepOf(block, group))
    const least = Math.fround(rounded.leastOf(block, group))
    values[at] = Math.fround(step * rounded.integerOf(block, index)) - least
  }
  const params = { dtype: 'float32', rows, columns, groupSize, part } as const
  return eightBitBlocks(params, [new Uint8Array(values.buffer)], outputs)
}
