import type { KernelResult } from '../kernel.js'
import { floatReader, floatWriter, viewOf } from './float-access.js'
import { float16ToFloat32, float32ToFloat16, roundHalfToEven } from './float-formats.js'
import type { MatrixParams } from './row-abs-max.js'

/** How the weights of a group become a scale and a zero point. */
export interface GptqGridParams {
  /** 2, 3, 4 or 8; codes lie in 0 .. 2^bits - 1. */
  readonly bits: number
  /** True: the zero point is 2^(bits-1). */
  readonly symmetric: boolean
  /** True: a symmetric group without negative weights gets half the scale it needs, as the paper's code does. */
  readonly oneSided: boolean
  /** Lower bound of an asymmetric zero point, 0 or 1. */
  readonly minimumZero: number
  /** Exponent of the scale search; 0: no search. */
  readonly searchExponent: number
  /** True: scales are rounded to float16 before the codes are computed. */
  readonly roundScales: boolean
}

export interface GptqGridRowsParams extends MatrixParams, GptqGridParams {
  /** Columns that share a scale; the last group may be short. */
  readonly groupSize: number
}

export interface Grid {
  readonly scale: number
  readonly zero: number
}

/** Of weights that cannot be quantized. */
const NO_GRID: Grid = { scale: Number.NaN, zero: 0 }

/** Smallest and largest scale that float16 holds. */
const SMALLEST_SCALE = 2 ** -24
const LARGEST_SCALE = 65504
const SEARCH_STEPS = 80

const { fround } = Math

/** Quantizer parameters of one run of weights; every operation rounds to float32. */
export function findGrid(values: ArrayLike<number>, params: GptqGridParams): Grid {
  let low = 0
  let high = 0
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]!)
    high = Math.max(high, values[i]!)
  }
  if (params.symmetric) {
    high = Math.max(-low, high)
    if (low < 0 || !params.oneSided) low = -high
  }
  if (low === 0 && high === 0) [low, high] = [-1, 1]
  let best = gridOf(low, high, params)
  let least = Number.POSITIVE_INFINITY
  for (let step = 0; params.searchExponent > 0 && step < SEARCH_STEPS; step++) {
    const factor = fround(1 - step / 100)
    const grid = gridOf(fround(low * factor), fround(high * factor), params)
    let error = 0
    for (let i = 0; i < values.length; i++) {
      const restored = gridValue(gridCode(values[i]!, grid, params.bits), grid)
      error += Math.abs(fround(restored - values[i]!)) ** params.searchExponent
    }
    if (error < least) [best, least] = [grid, error]
  }
  return best
}

function gridOf(low: number, high: number, params: GptqGridParams): Grid {
  const { bits, symmetric, minimumZero, roundScales } = params
  const largest = 2 ** bits - 1
  const exact = fround(fround(high - low) / largest)
  const bounded = Math.min(Math.max(exact, SMALLEST_SCALE), LARGEST_SCALE)
  const scale = roundScales ? float16ToFloat32(float32ToFloat16(bounded)) : bounded
  if (symmetric) return { scale, zero: (largest + 1) / 2 }
  return { scale, zero: Math.min(Math.max(roundHalfToEven(fround(-low / scale)), minimumZero), largest) }
}

/** clamp(round(w / scale) + zero, 0, 2^bits - 1) */
export function gridCode(value: number, { scale, zero }: Grid, bits: number): number {
  return Math.min(Math.max(roundHalfToEven(fround(value / scale)) + zero, 0), 2 ** bits - 1)
}

/** scale · (code − zero) */
export const gridValue = (code: number, { scale, zero }: Grid): number => fround(scale * (code - zero))

/**
 * Round to nearest on the grids of GPTQ: weight [rows, columns] -> codes uint8 [rows, columns], scales float32 and zero
 * points uint8 [rows, ceil(columns / groupSize)]. Rows with a NaN or an infinity get codes and zero points 0 and scales NaN,
 * and are counted.
 */
export function gptqGrid(
  params: GptqGridRowsParams,
  [weight]: readonly Uint8Array[],
  [codes, scales, zeros]: readonly Uint8Array[],
): KernelResult {
  const { dtype, rows, columns, groupSize, bits } = params
  const read = floatReader(dtype, weight!)
  const writeScale = floatWriter('float32', scales!)
  const groups = Math.ceil(columns / groupSize)
  let nonFinite = 0
  for (let row = 0; row < rows; row++) {
    const values = Float32Array.from({ length: columns }, (_, column) => read(row * columns + column))
    const isAllFinite = values.every(Number.isFinite)
    if (!isAllFinite) nonFinite++
    for (let group = 0; group < groups; group++) {
      const first = group * groupSize
      const grid = isAllFinite ? findGrid(values.subarray(first, first + groupSize), params) : NO_GRID
      writeScale(row * groups + group, grid.scale)
      zeros![row * groups + group] = grid.zero
      for (let column = first; column < Math.min(first + groupSize, columns); column++) {
        codes![row * columns + column] = isAllFinite ? gridCode(values[column]!, grid, bits) : 0
      }
    }
  }
  return { nonFinite }
}

/** The float32 values of a byte range. */
export function float32sOf(bytes: Uint8Array): Float32Array {
  const view = viewOf(bytes)
  return Float32Array.from({ length: bytes.byteLength / 4 }, (_, index) => view.getFloat32(index * 4, true))
}

/** The int32 values of a byte range. */
export function int32sOf(bytes: Uint8Array): Int32Array {
  const view = viewOf(bytes)
  return Int32Array.from({ length: bytes.byteLength / 4 }, (_, index) => view.getInt32(index * 4, true))
}
