/** In which order columns are quantized, and which group each belongs to. */
export interface ColumnOrder {
  /** Column at each position. */
  readonly order: Int32Array
  /** Group of the column at each position. */
  readonly groupAt: Int32Array
  /** Group of each column, as `g_idx` stores it. */
  readonly groupOf: Int32Array
  /**
   * When the parameters of groups are found: on the way, before it from the weight without its dead columns (static
   * groups), or before it from all of the weight (one group per row).
   */
  readonly grids: 'on the way' | 'from live columns' | 'from all columns'
}

export interface OrderRules {
  readonly groupSize: number
  /** True when rows are not divided into groups at all (`group_size` -1). */
  readonly ungrouped: boolean
  readonly descAct: boolean
  readonly actGroupAware: boolean
  readonly staticGroups: boolean
}

/**
 * The order of columns by the diagonal of the Hessian: none, all of them ("act-order"), or within groups and groups among
 * themselves. Sorting is stable and descending.
 */
export function columnOrder(diagonal: Float32Array, rules: OrderRules): ColumnOrder {
  const columns = diagonal.length
  const { groupSize, ungrouped, descAct, actGroupAware, staticGroups } = rules
  const order = Int32Array.from(diagonal.keys())
  if (descAct) order.sort(byImportance(diagonal))
  else if (actGroupAware && !ungrouped) orderGroups(order, diagonal, groupSize)
  const home = (column: number) => Math.floor(column / groupSize)
  const scattered = descAct && !staticGroups
  const groupAt = order.map((column, position) => home(scattered ? position : column))
  const groupOf = new Int32Array(columns)
  for (const [position, column] of order.entries()) groupOf[column] = groupAt[position]!
  return {
    order,
    groupAt,
    groupOf,
    grids: ungrouped ? 'from all columns' : staticGroups ? 'from live columns' : 'on the way',
  }
}

/** Columns within each group, then whole groups by their largest entry; a short last group stays last. */
function orderGroups(order: Int32Array, diagonal: Float32Array, groupSize: number): void {
  const whole = Math.floor(order.length / groupSize)
  const byDiagonal = byImportance(diagonal)
  const groups = Array.from({ length: whole }, (_, group) =>
    order.slice(group * groupSize, (group + 1) * groupSize).sort(byDiagonal),
  )
  groups.sort((a, b) => byDiagonal(a[0]!, b[0]!))
  const rest = order.slice(whole * groupSize).sort(byDiagonal)
  order.set([...groups, rest].flatMap((columns) => [...columns]))
}

/** Larger entries of the diagonal first; of equal ones the column in front. */
const byImportance =
  (diagonal: Float32Array) =>
  (a: number, b: number): number =>
    diagonal[b]! - diagonal[a]! || a - b
