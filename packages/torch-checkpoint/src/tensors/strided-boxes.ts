/** One dimension of a box. */
export interface Axis {
  readonly size: number
  /** Distance of neighbours in the storage, in elements. */
  readonly step: number
  /** Distance of neighbours in the row-major result, in elements. */
  readonly outStep: number
}

/** A part of a strided view with its place in the result. */
export interface Box {
  /** First element, counted from the first element of the view. */
  readonly from: number
  /** First element in the result. */
  readonly to: number
  readonly axes: readonly Axis[]
}

/**
 * The elements [start, end) of a view in row-major order, as at most two boxes for each dimension. The first of them goes to
 * element 0 of the result.
 */
export function boxesOf(
  shape: readonly number[],
  stride: readonly number[],
  start: number,
  end: number,
): readonly Box[] {
  const boxes: Box[] = []
  const inner = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1))

  /** `low` and `high` count inside the part of the view that the indices before `axis` have fixed. */
  const split = (axis: number, from: number, to: number, low: number, high: number): void => {
    if (low >= high) return
    if (axis === shape.length) {
      boxes.push({ from, to, axes: [] })
      return
    }
    const block = inner[axis]!
    const step = stride[axis]!
    let first = Math.floor(low / block)
    const last = Math.floor(high / block)
    if (low > first * block) {
      const blockEnd = Math.min(high, (first + 1) * block)
      split(axis + 1, from + first * step, to, low - first * block, blockEnd - first * block)
      to += blockEnd - low
      first++
    }
    if (last > first) {
      const axes = shape.slice(axis + 1).map((size, index) => ({
        size,
        step: stride[axis + 1 + index]!,
        outStep: inner[axis + 1 + index]!,
      }))
      boxes.push({
        from: from + first * step,
        to,
        axes: [{ size: last - first, step, outStep: block }, ...axes],
      })
      to += (last - first) * block
    }
    if (last >= first && high > last * block) split(axis + 1, from + last * step, to, 0, high - last * block)
  }
  split(0, 0, 0, start, end)
  return boxes
}
