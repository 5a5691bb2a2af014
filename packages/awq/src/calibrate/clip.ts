import { setImmediate } from 'node:timers/promises'
import { type LevelTools, rowEnergies, type SharedWeight } from '@hfquant/calibrate'
import { roundGroup } from '../format/grid.js'
import type { RoundingRules } from '../format/made-format.js'

const { fround } = Math

/** Bounds that are tried: the largest weight of a group, down to 11/20 of it. */
const STEPS = 10
const STEP = 1 / 20

/** What clipping has to know of the inputs of a weight. */
export interface ClipInputs {
  /** Σ x·xᵀ of the channels of each group of columns, its lower triangle in panels, in shared memory. */
  readonly moments: readonly Float32Array[]
  /** What the channels of the weight were multiplied by, and those inputs divided. */
  readonly scale: Float32Array | undefined
}

/** Projections to queries and keys are not clipped: their errors are multiplied with each other. */
export const isClipped = (path: string): boolean => !UNCLIPPED.test(path.slice(path.lastIndexOf('.') + 1))

const UNCLIPPED = /q_|k_|query|key|Wqkv/

/**
 * Bounds the weights of each group where their rounding then changes the outputs least, in place.
 *
 * @returns the bounds, [rows, groups].
 */
export async function clipWeight(
  { values, rows, columns }: SharedWeight,
  { moments, scale }: ClipInputs,
  { groupSize, reference }: RoundingRules,
  tools: Pick<LevelTools, 'scratch' | 'pool' | 'signal'>,
): Promise<Float32Array> {
  const groups = columns / groupSize
  const bounds = new Float32Array(rows * groups)
  const difference = {
    ...{ values: tools.scratch.floats('clip', rows * groupSize), rows, columns: groupSize },
  }
  const bounded = new Float32Array(groupSize)
  for (let group = 0; group < groups; group++) {
    // Groups of a weight that is not large are done on this thread alone, which has to hear of signals in between.
    await setImmediate()
    tools.signal?.throwIfAborted()
    const divisor = scale?.subarray(group * groupSize, (group + 1) * groupSize)
    const least = new Float64Array(rows).fill(Number.POSITIVE_INFINITY)
    const largest = Float32Array.from({ length: rows }, (_, row) => largestOf(row, group))
    for (let step = 0; step < STEPS; step++) {
      const share = fround(1 - step * STEP)
      for (let row = 0; row < rows; row++) {
        const bound = fround(largest[row]! * share)
        const first = row * columns + group * groupSize
        for (let at = 0; at < groupSize; at++) bounded[at] = clamp(values[first + at]!, bound)
        roundGroup(bounded, reference)
        for (let at = 0; at < groupSize; at++) {
          const lost = bounded[at]! - values[first + at]!
          difference.values[row * groupSize + at] = divisor === undefined ? lost : lost / divisor[at]!
        }
      }
      const energies = await rowEnergies(difference, moments[group]!, tools)
      for (let row = 0; row < rows; row++) {
        if (!(energies[row]! < least[row]!)) continue
        least[row] = energies[row]!
        bounds[row * groups + group] = fround(largest[row]! * share)
      }
    }
  }
  for (let at = 0; at < values.length; at++) {
    const [row, column] = [Math.floor(at / columns), at % columns]
    values[at] = clamp(values[at]!, bounds[row * groups + Math.floor(column / groupSize)]!)
  }
  return bounds

  function largestOf(row: number, group: number): number {
    const first = row * columns + group * groupSize
    let most = 0
    for (let at = first; at < first + groupSize; at++) most = Math.max(most, Math.abs(values[at]!))
    return most
  }
}

const clamp = (value: number, bound: number): number => Math.min(Math.max(value, -bound), bound)
