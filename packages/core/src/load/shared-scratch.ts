/**
 * Shared memory that is used again for the next weight. The garbage collector does not count shared buffers, so those that
 * are merely dropped pile up by the gigabyte before it runs.
 */
export interface SharedScratch {
  /** A buffer that holds zeros, or what its last user left in it. */
  take(byteLength: number): SharedArrayBuffer
  /** Nobody reads or writes the buffer any more. */
  giveBack(buffer: SharedArrayBuffer): void
}

export function createSharedScratch(): SharedScratch {
  const free = new Map<number, SharedArrayBuffer[]>()
  return {
    take: (byteLength) => free.get(byteLength)?.pop() ?? new SharedArrayBuffer(byteLength),
    giveBack(buffer) {
      const same = free.get(buffer.byteLength)
      if (same === undefined) free.set(buffer.byteLength, [buffer])
      else same.push(buffer)
    },
  }
}
