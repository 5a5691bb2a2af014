/**
 * The k-th largest of `values`, 1 ≤ k ≤ values.length, without sorting them: a heap holds the k largest so far, with
 * the least of them on top, and most values of a long list never enter it. NaN must not occur.
 */
export function kthLargest(values: Float32Array, k: number): number {
  const heap = values.slice(0, k)
  for (let parent = (k >> 1) - 1; parent >= 0; parent--) siftDown(heap, parent)
  for (let index = k; index < values.length; index++) {
    if (values[index]! > heap[0]!) {
      heap[0] = values[index]!
      siftDown(heap, 0)
    }
  }
  return heap[0]!
}

/** Restores "no child is less than its parent" below `parent`. */
function siftDown(heap: Float32Array, parent: number): void {
  for (;;) {
    let child = 2 * parent + 1
    if (child >= heap.length) return
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++
    const value = heap[parent]!
    if (heap[child]! >= value) return
    heap[parent] = heap[child]!
    heap[child] = value
    parent = child
  }
}

/**
 * Visits candidates from the largest logit to the smallest, equal ones by ascending token, until `visit` returns
 * false. Costs O(n) plus O(log n) for each visited one, where sorting would cost O(n log n).
 */
export function visitDescending(
  ids: Int32Array,
  logits: Float32Array,
  visit: (position: number) => boolean,
): void {
  const heap = new Int32Array(ids.length)
  for (let position = 0; position < heap.length; position++) heap[position] = position
  let size = heap.length
  const before = (a: number, b: number) =>
    logits[a]! > logits[b]! || (logits[a] === logits[b] && ids[a]! < ids[b]!)

  function sift(parent: number): void {
    for (;;) {
      let child = 2 * parent + 1
      if (child >= size) return
      if (child + 1 < size && before(heap[child + 1]!, heap[child]!)) child++
      const position = heap[parent]!
      if (!before(heap[child]!, position)) return
      heap[parent] = heap[child]!
      heap[child] = position
      parent = child
    }
  }

  for (let parent = (size >> 1) - 1; parent >= 0; parent--) sift(parent)
  while (size > 0) {
    const largest = heap[0]!
    heap[0] = heap[--size]!
    sift(0)
    if (!visit(largest)) return
  }
}
