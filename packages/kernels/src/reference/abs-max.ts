/** Largest |v| of the elements `start` to `end` - 1; 0 if there are none, NaN if one is. */
export function absMax(elementAt: (index: number) => number, start: number, end: number): number {
  let largest = 0
  for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(elementAt(i)))
  return largest
}
