import type { FloatRows } from '../contract/format.js'

/**
 * The groups of some rows, one after the other: `members` is a view of `groupSize` values, the last of a row of what is left, and
 * `index` counts from the first group of these rows.
 */
export function eachGroup(
  rows: FloatRows,
  groupSize: number,
  visit: (members: Float32Array, index: number) => void,
): void {
  let index = 0
  for (let row = 0; row < rows.count; row++) {
    const values = rows.at(row)
    for (let first = 0; first < values.length; first += groupSize)
      visit(values.subarray(first, first + groupSize), index++)
  }
}
