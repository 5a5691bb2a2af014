/** Group of each input channel when groups are runs of channels: floor(k / groupSize). */
export const plainGroupIndex = (columns: number, groupSize: number): Int32Array =>
  Int32Array.from({ length: columns }, (_, column) => Math.floor(column / groupSize))

export const isPlain = (groupOf: Int32Array, groupSize: number): boolean =>
  groupOf.every((group, column) => group === Math.floor(column / groupSize))

/**
 * The order of channels in which groups become runs again: a stable sort by group. Undefined when that does not give
 * runs of `groupSize`, which no known writer produces.
 */
export function runOrder(groupOf: Int32Array, groupSize: number): Int32Array | undefined {
  const order = Int32Array.from(groupOf.keys()).sort((a, b) => groupOf[a]! - groupOf[b]! || a - b)
  return order.every((column, position) => groupOf[column] === Math.floor(position / groupSize))
    ? order
    : undefined
}
