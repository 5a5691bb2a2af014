import { packStream, wordsFor } from '@hfquant/core'
import {
  type FloatDtype,
  type KernelCall,
  type KernelResult,
  narrowFloats,
  roundHalfToEven,
  widenFloats,
} from '@hfquant/kernels'

/** How rows of a weight become integers. */
export interface RoundIntegersParams {
  readonly dtype: FloatDtype
  readonly rows: number
  readonly columns: number
  /** 1 to 8; codes lie in -2^(bits - 1) .. 2^(bits - 1) - 1. */
  readonly bits: number
  /** Columns that share a scale; divides `columns`. */
  readonly groupSize: number
  readonly symmetric: boolean
  /** Scales are rounded to it before codes are made. */
  readonly scaleDtype: FloatDtype
  /** True: words of a stream of bits along each row, code + 2^(bits - 1); false: a byte each. */
  readonly packed: boolean
}

const { fround } = Math

/** Added to a float64 between -2^51 and 2^51, it leaves no room for a fraction, which is rounded half to even. */
const HALF_TO_EVEN = 1.5 * 2 ** 52

/** Of a group of zeros, whose zero point is 0: float32's epsilon, as in the library. */
export const SCALE_OF_ZEROS = 2 ** -23

/**
 * Weights [rows, columns] to the nearest of evenly spaced values, with a scale for each group of columns whose range, 0 included,
 * is the whole width of the codes: max|w| / ((2^bits − 1) / 2), or (max − min) / (2^bits − 1) with a zero point. Every step
 * is float32; codes are made with the scale as it is stored.
 *
 * Outputs: codes, int32 [rows, ceil(columns·bits / 32)] or int8 [rows, columns]; scales of `scaleDtype` [rows, groups]; zero points
 * int8 of the same shape, unless the mapping is symmetric. Rows that are not finite are counted.
 */
export function roundIntegers({ params, inputs, outputs }: KernelCall): KernelResult {
  const { dtype, rows, columns, bits, groupSize, symmetric, scaleDtype, packed } =
    params as unknown as RoundIntegersParams
  const [codeBytes, scaleBytes, zeroBytes] = outputs as readonly [Uint8Array, Uint8Array, Uint8Array?]
  const weights = widenFloats(inputs[0]!, dtype)
  const groups = columns / groupSize
  const grid = findGrids(weights, rows * groups, { bits, groupSize, symmetric, scaleDtype })
  scaleBytes.set(narrowFloats(grid.scales, scaleDtype))
  zeroBytes?.set(new Uint8Array(grid.zeros.buffer))
  const [low, high] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
  const words = packed
    ? new Int32Array(codeBytes.buffer, codeBytes.byteOffset, codeBytes.length / 4)
    : undefined
  const width = wordsFor(columns, bits)
  const codes = new Int8Array(columns)
  const fields = new Uint8Array(columns)
  for (let row = 0; row < rows; row++) {
    for (let group = 0; group < groups; group++) {
      const scale = grid.scales[row * groups + group]!
      const zero = grid.zeros[row * groups + group]!
      const first = group * groupSize
      const start = row * columns
      for (let column = first; column < first + groupSize; column++) {
        const exact = fround(fround(weights[start + column]! / scale) + zero)
        const code = Math.min(Math.max(exact, low), high)
        codes[column] = code + HALF_TO_EVEN - HALF_TO_EVEN
      }
    }
    if (words === undefined) {
      codeBytes.set(new Uint8Array(codes.buffer), row * columns)
      continue
    }
    for (let column = 0; column < columns; column++) fields[column] = codes[column]! - low
    packStream(fields, bits, words.subarray(row * width, (row + 1) * width))
  }
  return { nonFinite: grid.nonFinite }
}

/** Scales, as they are stored, and zero points of groups. */
interface Grids {
  readonly scales: Float32Array
  readonly zeros: Int8Array
  readonly nonFinite: number
}

function findGrids(
  weights: Float32Array,
  groups: number,
  {
    bits,
    groupSize,
    symmetric,
    scaleDtype,
  }: Pick<RoundIntegersParams, 'bits' | 'groupSize' | 'symmetric' | 'scaleDtype'>,
): Grids {
  const steps = 2 ** bits - 1
  const exact = new Float32Array(groups)
  const lowest = new Float32Array(groups)
  let nonFinite = 0
  for (let group = 0; group < groups; group++) {
    let low = 0
    let high = 0
    let sum = 0
    for (let at = group * groupSize; at < (group + 1) * groupSize; at++) {
      const value = weights[at]!
      if (value < low) low = value
      if (value > high) high = value
      sum += value
    }
    if (!Number.isFinite(sum)) nonFinite++
    exact[group] = symmetric ? Math.max(-low, high) / (steps / 2) : Math.fround(high - low) / steps
    lowest[group] = low
  }
  const scales = inDtype(exact, scaleDtype)
  const zeros = new Int8Array(groups)
  const first = -(2 ** (bits - 1))
  for (let group = 0; group < groups; group++) {
    if (scales[group] === 0) {
      scales[group] = SCALE_OF_ZEROS
    } else if (!symmetric) {
      const zero = Math.fround(first - Math.fround(lowest[group]! / scales[group]!))
      zeros[group] = roundHalfToEven(Math.min(Math.max(zero, first), first + steps))
    }
  }
  return { scales, zeros, nonFinite }
}

/** Numbers as a dtype holds them. */
export const inDtype = (values: Float32Array, dtype: FloatDtype): Float32Array =>
  widenFloats(narrowFloats(values, dtype), dtype)
