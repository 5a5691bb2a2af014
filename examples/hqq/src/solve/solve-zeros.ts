import type { GroupedWeight } from './grouped-weight.js'
import type { Grid } from './initial-grid.js'

/** The constants of the reference: the norm of the error, the penalty and its growth, and when to stop. */
const NORM = 0.7
const FIRST_PENALTY = 10
const PENALTY_GROWTH = 1.01
const MOST_ITERATIONS = 20

export interface Solution {
  /** float32 [P]: what follows the last iteration. */
  readonly zeros: Float32Array
  /** Mean absolute error of the zero points that entered each iteration. */
  readonly errors: readonly number[]
}

/**
 * Moves zero points to where the errors have the smallest p-norm (p = 0.7), by half-quadratic splitting (Badri and Shaji,
 * "Half-Quadratic Quantization of Large Machine Learning Models", 2023); scales stay as they are.
 *
 * An iteration rounds, shrinks the errors towards zero, and gives each group the mean zero point that explains the rest.
 * The first iteration in which the error of the whole tensor does not fall is the last; like the reference, its zero
 * points are kept, not those of the best one. Everything is float32, means are summed in double precision.
 */
export function solveZeros(weight: GroupedWeight, { inverseScales, zeros }: Grid, topCode: number): Solution {
  const errors: number[] = []
  let current = zeros
  let penalty = FIRST_PENALTY
  while (errors.length < MOST_ITERATIONS) {
    const step = iterate(weight, { inverseScales, zeros: current }, topCode, penalty)
    current = step.zeros
    const improved = step.error < (errors.at(-1) ?? Infinity)
    errors.push(step.error)
    if (!improved) break
    penalty *= PENALTY_GROWTH
  }
  return { zeros: current, errors }
}

function iterate(
  { values, rows, columns, axis, groups, groupSize }: GroupedWeight,
  { inverseScales, zeros }: Grid,
  topCode: number,
  penalty: number,
): { zeros: Float32Array; error: number } {
  const sums = new Float64Array(groups)
  const threshold = penalty ** (-1 / (2 - NORM))
  let distance = 0
  for (let row = 0, index = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, index++) {
      const group = axis === 1 ? row : column
      const value = values[index]!
      const inverse = inverseScales[group]!
      const zero = zeros[group]!
      const code = nearestCode(value, inverse, zero, topCode)
      const error = Math.fround(value - Math.fround(Math.fround(code - zero) / inverse))
      const size = Math.abs(error)
      distance += size
      // Below the threshold, where ordinary weights are, nothing is left of the error.
      const kept = size > threshold ? shrink(error, penalty) : 0
      sums[group] = sums[group]! + Math.fround(code - Math.fround(Math.fround(value - kept) * inverse))
    }
  }
  const updated = Float32Array.from(sums, (sum) => sum / groupSize)
  return { zeros: updated, error: Math.fround(distance / values.length) }
}

/** The generalized soft threshold of the p-norm. */
function shrink(error: number, penalty: number): number {
  const size = Math.abs(error)
  const power = Math.fround(Math.fround(size ** (NORM - 1)) / penalty)
  return Math.sign(error) * Math.max(Math.fround(size - power), 0)
}

/** A double of this size has no place for a fraction: adding it rounds small numbers, halves to even. */
const WITHOUT_FRACTION = 1.5 * 2 ** 52

/** clamp(round(value · inverse + zero), 0, topCode), every step in float32. This is where the time goes. */
function nearestCode(value: number, inverse: number, zero: number, topCode: number): number {
  const position = Math.fround(Math.fround(value * inverse) + zero)
  if (position <= 0) return 0
  return position >= topCode ? topCode : position + WITHOUT_FRACTION - WITHOUT_FRACTION
}

/** Codes [rows, columns] on a grid. */
export function encode(
  { values, rows, columns, axis }: GroupedWeight,
  { inverseScales, zeros }: Grid,
  topCode: number,
): Uint8Array {
  const codes = new Uint8Array(values.length)
  for (let row = 0, index = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, index++) {
      const group = axis === 1 ? row : column
      codes[index] = nearestCode(values[index]!, inverseScales[group]!, zeros[group]!, topCode)
    }
  }
  return codes
}
