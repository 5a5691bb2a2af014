import type { SharedWeight } from '@hfquant/calibrate'
import { roundGroup } from '../format/grid.js'
import type { RoundingRules } from '../format/made-format.js'

const { fround } = Math

/**
 * What is lost of rows of a weight when their channels are multiplied by a scale, rounded, and divided by it again.
 *
 * @param difference [rows, columns], for the result.
 */
export function scaleError(
  { values, columns }: SharedWeight,
  scale: Float32Array,
  { groupSize, reference }: RoundingRules,
  difference: Float32Array,
): void {
  const scaled = new Float32Array(groupSize)
  for (let start = 0; start < values.length; start += groupSize) {
    const first = start % columns
    for (let at = 0; at < groupSize; at++) scaled[at] = values[start + at]! * scale[first + at]!
    roundGroup(scaled, reference)
    for (let at = 0; at < groupSize; at++) {
      difference[start + at] = fround(scaled[at]! / scale[first + at]!) - values[start + at]!
    }
  }
}
