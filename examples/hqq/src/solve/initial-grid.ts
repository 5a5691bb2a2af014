import { roundHalfToEven } from '@hfquant/core'
import type { GroupedWeight } from './grouped-weight.js'

/** A grid per group: value = (code − zero) / inverse scale. All float32. */
export interface Grid {
  /** [P] */
  readonly inverseScales: Float32Array
  /** [P]; a real number, and outside of the codes for groups of one sign. */
  readonly zeros: Float32Array
}

/** Groups narrower than this are taken as constant. */
const SMALLEST_RANGE = Math.fround(1e-4)
const LARGEST_INVERSE_SCALE = 2e4

/** The grid from the smallest to the largest value of each group, which need not contain zero. */
export function initialGrid(weight: GroupedWeight, topCode: number, startsWhole: boolean): Grid {
  const { smallest, largest } = groupRanges(weight)
  const inverseScales = new Float32Array(weight.groups)
  const zeros = new Float32Array(weight.groups)
  for (let group = 0; group < weight.groups; group++) {
    const range = Math.fround(largest[group]! - smallest[group]!)
    // PyTorch divides a number by a tensor in two steps, each rounded.
    const inverse = range <= SMALLEST_RANGE ? 1 : Math.fround(Math.fround(1 / range) * topCode)
    inverseScales[group] = Math.min(inverse, LARGEST_INVERSE_SCALE)
    const zero = Math.fround(-smallest[group]! * inverseScales[group]!)
    zeros[group] = startsWhole ? roundHalfToEven(zero) : zero
  }
  return { inverseScales, zeros }
}

function groupRanges({ values, groups, rows, columns, axis }: GroupedWeight) {
  const smallest = new Float32Array(groups).fill(Infinity)
  const largest = new Float32Array(groups).fill(-Infinity)
  for (let row = 0, index = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, index++) {
      const group = axis === 1 ? row : column
      const value = values[index]!
      if (value < smallest[group]!) smallest[group] = value
      if (value > largest[group]!) largest[group] = value
    }
  }
  return { smallest, largest }
}
