/** Offsets in UTF-16 units as offsets in code points, as Python counts. */
export function codePointOffsets(text: string): (offset: number) => number {
  /** Places of the second halves of surrogate pairs, ascending. */
  const second: number[] = []
  for (const { index } of text.matchAll(/[\u{10000}-\u{10ffff}]/gu)) second.push(index + 1)
  return (offset) => offset - countBelow(second, offset)
}

function countBelow(sorted: readonly number[], limit: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < limit) low = middle + 1
    else high = middle
  }
  return low
}
