/** Some rows of a triangular matrix, as they lie in memory. */
export interface TrianglePanel {
  /** Rows `first` to `end` - 1. */
  readonly first: number
  readonly end: number
  /** First column that is stored. */
  readonly left: number
  /** Columns that are stored. */
  readonly width: number
  /** Values in front of the panel. */
  readonly offset: number
}

/**
 * Triangular matrices lie in memory as panels of `panelRows` rows, one behind the other, each row-major, so that most of
 * the half that says nothing takes no room. A panel of a lower triangle has the columns 0 to its last row, zeros or not
 * above the diagonal.
 */
export const lowerPanels = (size: number, panelRows: number): readonly TrianglePanel[] =>
  panels(size, panelRows, (_first, end) => [0, end])

/** A panel of an upper triangle has the columns from its first row on; as a whole it is as large as the lower one. */
export const upperPanels = (size: number, panelRows: number): readonly TrianglePanel[] =>
  panels(size, panelRows, (first) => [first, size])

/** Values of a triangle in panels. */
export function triangleLength(size: number, panelRows: number): number {
  const { first, end, width, offset } = lowerPanels(size, panelRows).at(-1)!
  return offset + (end - first) * width
}

function panels(
  size: number,
  panelRows: number,
  columns: (first: number, end: number) => readonly [left: number, right: number],
): readonly TrianglePanel[] {
  const made: TrianglePanel[] = []
  let offset = 0
  for (let first = 0; first < size; first += panelRows) {
    const end = Math.min(first + panelRows, size)
    const [left, right] = columns(first, end)
    made.push({ first, end, left, width: right - left, offset })
    offset += (end - first) * (right - left)
  }
  return made
}
