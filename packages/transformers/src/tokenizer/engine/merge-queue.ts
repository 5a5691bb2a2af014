/** Numbers, of which the least comes out first: a binary heap. */
export interface MergeQueue {
  readonly size: number
  push(value: number): void
  /** Takes the least one out; the queue must not be empty. */
  pop(): number
}

export function createMergeQueue(): MergeQueue {
  let heap = new Float64Array(64)
  let size = 0
  return {
    get size() {
      return size
    },
    push(value) {
      if (size === heap.length) {
        const larger = new Float64Array(size * 2)
        larger.set(heap)
        heap = larger
      }
      let at = size++
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (heap[parent]! <= value) break
        heap[at] = heap[parent]!
        at = parent
      }
      heap[at] = value
    },
    pop() {
      const least = heap[0]!
      const last = heap[--size]!
      let at = 0
      for (;;) {
        let child = 2 * at + 1
        if (child >= size) break
        if (child + 1 < size && heap[child + 1]! < heap[child]!) child++
        if (last <= heap[child]!) break
        heap[at] = heap[child]!
        at = child
      }
      heap[at] = last
      return least
    },
  }
}
