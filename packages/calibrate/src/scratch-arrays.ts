/**
 * Shared memory that is used over and over. What the worker pool reads and writes has to be shared, and shared memory that
 * is dropped counts for nothing with the garbage collector, which may leave it in place for a long time.
 */
export interface ScratchArrays {
  /** Memory for one use; its contents are those of the last time, or anything. The same use takes the same memory. */
  floats(use: string, count: number): Float32Array
  bytes(use: string, count: number): Uint8Array
}

export function createScratchArrays(): ScratchArrays {
  const buffers = new Map<string, SharedArrayBuffer>()
  const take = (use: string, byteLength: number): SharedArrayBuffer => {
    const known = buffers.get(use)
    if (known !== undefined && known.byteLength >= byteLength) return known
    const made = new SharedArrayBuffer(byteLength)
    buffers.set(use, made)
    return made
  }
  return {
    floats: (use, count) => new Float32Array(take(use, count * 4), 0, count),
    bytes: (use, count) => new Uint8Array(take(use, count), 0, count),
  }
}

/** The bytes of an array, as a worker takes them. */
export function rangeOf(values: Float32Array | Int32Array | Uint8Array | Float64Array): {
  readonly buffer: ArrayBuffer | SharedArrayBuffer
  readonly byteOffset: number
  readonly byteLength: number
} {
  const { buffer, byteOffset, byteLength } = values
  return { buffer: buffer as ArrayBuffer | SharedArrayBuffer, byteOffset, byteLength }
}
