import { type Float8Dtype, LARGEST_FINITE, roundHalfToEven } from '@hfquant/kernels'
import { FLOAT8_VALUES } from './float8-values.js'
import { sharedBytes } from './row-calls.js'

/**
 * Evenly spaced values that stand for those of eight-bit floats: two grids for every largest magnitude v of a block, with
 * e = floor(log2 v): steps of v / 127, and steps of 2^(e - 6), on which the values of the top four binades of E4M3 lie
 * exactly. No value is off by more than v / 128.
 */
export interface EightBitGrids {
  /** For the kernel `float8Grids`: its advantages and its levels, around 128. */
  readonly tables: readonly Uint8Array[]
  /** Distance of neighbours, by what the kernel tells of a block's grid: 1 for one of zeros. */
  readonly steps: Float64Array
}

/** Codes of one sign. */
const MAGNITUDES = 128
const CODES = 256
/** The 8-bit code of 0. */
const ZERO_POINT = 128

export function eightBitGrids(dtype: Float8Dtype): EightBitGrids {
  known[dtype] ??= makeGrids(dtype)
  return known[dtype]
}

const known: Partial<Record<Float8Dtype, EightBitGrids>> = {}

function makeGrids(dtype: Float8Dtype): EightBitGrids {
  const advantages = new Float64Array(MAGNITUDES * CODES)
  const levels = new Uint8Array(2 * MAGNITUDES * CODES).fill(ZERO_POINT)
  const steps = new Float64Array(2 * MAGNITUDES).fill(1)
  for (let largest = 1; largest <= LARGEST_FINITE[dtype]; largest++) {
    const value = FLOAT8_VALUES[dtype][largest]!
    const [even, power] = [value / 127, 2 ** (exponentOf(value) - 6)]
    steps.set([even], largest)
    steps.set([power], MAGNITUDES + largest)
    // Of codes without their sign: those of larger magnitudes are larger numbers.
    for (let code = 0; code <= largest; code++) {
      for (const signed of [code, MAGNITUDES + code]) {
        const at = CODES * largest + signed
        const [first, second] = [even, power].map((step) => nearest(FLOAT8_VALUES[dtype][signed]!, step))
        levels[at] = ZERO_POINT + first!.level
        levels[MAGNITUDES * CODES + at] = ZERO_POINT + second!.level
        advantages[at] = first!.loss - second!.loss
      }
    }
  }
  return { tables: [new Uint8Array(advantages.buffer), levels].map(sharedBytes), steps }
}

/** Multiple of the step that is nearest to a value, and its squared distance from it. */
function nearest(value: number, step: number) {
  const level = roundHalfToEven(value / step)
  return { level, loss: (value - level * step) ** 2 }
}

/** floor(log2(value)); the logarithm alone is rounded. */
function exponentOf(value: number): number {
  const near = Math.round(Math.log2(value))
  return 2 ** near > value ? near - 1 : near
}
