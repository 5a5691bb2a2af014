/** A weight as the matrix that its groups are the rows (axis 1) or the columns (axis 0) of. */
export interface GroupedWeight {
  /** float32 [rows, columns] */
  readonly values: Float32Array
  readonly rows: number
  readonly columns: number
  readonly axis: 0 | 1
  readonly groups: number
  readonly groupSize: number
}

/** `values` is the flattened weight; its length is a multiple of `groupSize`. */
export function groupWeight(values: Float32Array, groupSize: number, axis: 0 | 1): GroupedWeight {
  const groups = values.length / groupSize
  const [rows, columns] = axis === 1 ? [groups, groupSize] : [groupSize, groups]
  return { values, rows, columns, axis, groups, groupSize }
}
