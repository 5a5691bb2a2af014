import type { WeightOnGrid } from '../contract/definition.js'
import type { IntegerGrid } from '../contract/integer-codes.js'
import { CapabilityError } from '../errors/families.js'

/** What the grids of all weights have in common. */
export interface CommonGrid extends Pick<IntegerGrid, 'bits' | 'symmetric'> {
  /** -1 where each row is one group, and rows have several lengths. */
  readonly groupSize: number
}

/**
 * The grid of a model, for methods whose config has one for all weights.
 *
 * @throws CapabilityError CONVERSION_INEXACT naming a weight whose bits or group size are not those of the first.
 */
export function commonGrid(method: string, weights: readonly WeightOnGrid[]): CommonGrid {
  const bits = common(method, weights, 'bits', ({ grid }) => grid.bits)
  const isWhole = weights.every(({ grid, weight }) => grid.groupSize === weight.inFeatures)
  const isOne = weights.every(({ grid }) => grid.groupSize === weights[0]!.grid.groupSize)
  return {
    bits,
    groupSize: isWhole && !isOne ? -1 : common(method, weights, 'group size', ({ grid }) => grid.groupSize),
    symmetric: weights.every(({ grid }) => grid.symmetric),
  }
}

function common(
  method: string,
  weights: readonly WeightOnGrid[],
  what: string,
  read: (weight: WeightOnGrid) => number,
): number {
  const expected = read(weights[0]!)
  const other = weights.find((weight) => read(weight) !== expected)
  if (other === undefined) return expected
  const [{ path: first }, { path: module }] = [weights[0]!.weight, other.weight]
  throw new CapabilityError(
    'CONVERSION_INEXACT',
    `${module} has ${what} ${read(other)}, and ${first} ${expected}: "${method}" has one for all weights`,
    {
      ...{ module, found: read(other), expected },
      hint: 'Choose another method to convert to, or quantize the float model that this one was made from.',
    },
  )
}
