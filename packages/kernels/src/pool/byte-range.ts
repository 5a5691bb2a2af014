/** Bytes that do not lie one after the other, such as some columns of a matrix. */
export interface Spacing {
  /** Length of each piece; a whole number of them makes the range. */
  readonly pieceBytes: number
  /** From the beginning of a piece to that of the next one; at least `pieceBytes`. */
  readonly strideBytes: number
}

/** Bytes of an open file. The descriptor must stay open until the task has settled. */
export interface FileRange {
  readonly fd: number
  readonly position: number
  /** Bytes that are read or written, without what lies between spaced ones. */
  readonly byteLength: number
  readonly spacing?: Spacing
}

/** Bytes of memory. An `ArrayBuffer` is copied to the worker, so it can only be an input. */
export interface MemoryRange {
  readonly buffer: SharedArrayBuffer | ArrayBuffer
  readonly byteOffset: number
  /** Bytes that are read or written, without what lies between spaced ones. */
  readonly byteLength: number
  readonly spacing?: Spacing
}

/** Bytes a kernel reads or writes: a range of an open file, or of shared memory. */
export type ByteRange = FileRange | MemoryRange

export function isFileRange(range: ByteRange): range is FileRange {
  return 'fd' in range
}

/** Bytes from the first one of a range to behind the last one, with what lies between. */
export function spanOf({ byteLength, spacing }: Pick<FileRange, 'byteLength' | 'spacing'>): number {
  if (spacing === undefined || byteLength === 0) return byteLength
  return (byteLength / spacing.pieceBytes - 1) * spacing.strideBytes + spacing.pieceBytes
}

/** The pieces of a range, as ranges without spacing. Pieces with nothing between them are one. */
export function* piecesOf(range: ByteRange): Generator<ByteRange> {
  const { spacing, ...whole } = range
  if (spacing === undefined || spacing.pieceBytes === spacing.strideBytes) {
    yield whole
    return
  }
  const { pieceBytes: byteLength, strideBytes } = spacing
  for (let start = 0, done = 0; done < range.byteLength; start += strideBytes, done += byteLength) {
    yield isFileRange(range)
      ? { fd: range.fd, position: range.position + start, byteLength }
      : { buffer: range.buffer, byteOffset: range.byteOffset + start, byteLength }
  }
}

/** Some bytes of a range without spacing. */
export function rangeWithin(
  range: ByteRange,
  offset: number,
  byteLength: number,
  spacing?: Spacing,
): ByteRange {
  const placed = isFileRange(range)
    ? { fd: range.fd, position: range.position + offset, byteLength }
    : { buffer: range.buffer, byteOffset: range.byteOffset + offset, byteLength }
  return spacing === undefined ? placed : { ...placed, spacing }
}
