/** Bytes of an open file. The descriptor must stay open until the task has settled. */
export interface FileRange {
  readonly fd: number
  readonly position: number
  readonly byteLength: number
}

/** Bytes of memory. An `ArrayBuffer` is copied to the worker, so it can only be an input. */
export interface MemoryRange {
  readonly buffer: SharedArrayBuffer | ArrayBuffer
  readonly byteOffset: number
  readonly byteLength: number
}

/** Bytes a kernel reads or writes: a range of an open file, or of shared memory. */
export type ByteRange = FileRange | MemoryRange

export function isFileRange(range: ByteRange): range is FileRange {
  return 'fd' in range
}
