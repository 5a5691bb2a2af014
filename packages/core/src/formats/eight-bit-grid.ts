import { type Float8Dtype, roundHalfToEven } from '@hfquant/kernels'
import { FLOAT8_VALUES } from './float8-values.js'

/** Evenly spaced values that stand for those of codes. */
export interface EightBitGrid {
  /** Distance of neighbours. */
  readonly step: number
  /** Multiple of the step, -127 to 127, that is nearest to each code's value. */
  readonly levels: Int8Array
  /** Squared distance from it. */
  readonly losses: Float64Array
}

/**
 * The two grids for values up to a largest magnitude v, with e = floor(log2 v): steps of v / 127, and steps of 2^(e - 6),
 * on which the values of the top four binades of E4M3 lie exactly. No value is off by more than v / 128.
 *
 * @param largest code without its sign, not 0.
 */
export function gridsFor(largest: number, dtype: Float8Dtype): readonly [EightBitGrid, EightBitGrid] {
  const known = grids[dtype].get(largest)
  if (known !== undefined) return known
  const value = FLOAT8_VALUES[dtype][largest]!
  const made = [
    grid(value / 127, largest, dtype),
    grid(2 ** (exponentOf(value) - 6), largest, dtype),
  ] as const
  grids[dtype].set(largest, made)
  return made
}

const grids: Readonly<Record<Float8Dtype, Map<number, readonly [EightBitGrid, EightBitGrid]>>> = {
  float8_e4m3fn: new Map(),
  float8_e5m2: new Map(),
}

function grid(step: number, largest: number, dtype: Float8Dtype): EightBitGrid {
  const levels = new Int8Array(256)
  const losses = new Float64Array(256)
  for (let code = 0; code < 256; code++) {
    if ((code & MAGNITUDE) > largest) continue
    const value = FLOAT8_VALUES[dtype][code]!
    levels[code] = roundHalfToEven(value / step)
    losses[code] = (value - levels[code]! * step) ** 2
  }
  return { step, levels, losses }
}

/** A code without its sign: codes of larger magnitudes are larger numbers. */
export const MAGNITUDE = 0x7f

/** floor(log2(value)); the logarithm alone is rounded. */
function exponentOf(value: number): number {
  const near = Math.round(Math.log2(value))
  return 2 ** near > value ? near - 1 : near
}
