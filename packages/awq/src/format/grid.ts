import { float16ToFloat32, float32ToFloat16, roundHalfToEven } from '@hfquant/core'

/** Codes reach from 0 to this. */
const LARGEST_CODE = 15
/** The least that the weights of a group are taken to differ. */
const SMALLEST_RANGE = 1e-5
const LARGEST_SCALE = 65504

const { fround } = Math

/** The scale and the zero point of a group. */
export interface Grid {
  readonly scale: number
  readonly zero: number
}

/**
 * The grid of the weights of a group; every step rounds to float32.
 *
 * @param reference the rule of AutoAWQ: the range of the weights alone, so that a group far from 0 saturates, and a scale that
 * is rounded to float16 only when it is stored. Otherwise 0 is within the range, and codes are those of the stored scale.
 */
export function findGrid(weights: Float32Array, reference: boolean): Grid {
  let [low, high] = reference ? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] : [0, 0]
  for (let at = 0; at < weights.length; at++) {
    const weight = weights[at]!
    if (weight < low) low = weight
    if (weight > high) high = weight
  }
  const range = Math.min(Math.max(fround(high - low), fround(SMALLEST_RANGE)) / LARGEST_CODE, LARGEST_SCALE)
  const scale = reference ? fround(range) : float16ToFloat32(float32ToFloat16(range))
  const zero = Math.min(Math.max(-roundHalfToEven(fround(low / scale)), 0), LARGEST_CODE)
  return { scale, zero }
}

/** clamp(round(w / scale) + zero, 0, 15) */
export function codeOf(weight: number, { scale, zero }: Grid): number {
  // Adding a number whose last bit counts ones rounds half to even; what is out of its reach is beyond the codes as well.
  const code = fround(weight / scale) + LAST_BIT_IS_ONE - LAST_BIT_IS_ONE + zero
  return Math.max(0, Math.min(code, LARGEST_CODE))
}

const LAST_BIT_IS_ONE = 1.5 * 2 ** 52

/** Puts in the place of the weights of a group what is left of them. */
export function roundGroup(weights: Float32Array, reference: boolean): void {
  const grid = findGrid(weights, reference)
  const { scale, zero } = grid
  for (let at = 0; at < weights.length; at++) weights[at] = (codeOf(weights[at]!, grid) - zero) * scale
}
