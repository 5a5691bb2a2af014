import { type ByteRange, type KernelPool, type MemoryRange, readByteRange, runKernel } from '@hfquant/kernels'
import type { Dtype, FloatDtype } from '../contract/tensor.js'
import { tensorBytes } from '../shell/dtype.js'
import type { WeightSlot } from '../shell/weight-slot.js'
import { joinBytes, subRanges } from './byte-range.js'
import { castValues } from './cast-values.js'
import { readRange } from './read-range.js'
import { rowRanges } from './stream-context.js'
import type { TensorSource } from './tensor-source.js'

/**
 * The rows of a float weight as formats see them: [outFeatures, inFeatures], however the model stores it. How a
 * weight is stored is known in this file and nowhere else.
 */
export interface FloatMatrix {
  readonly source: TensorSource
  readonly slot: WeightSlot
  /** The dtype of the rows: what the model keeps the weight in, whatever the file does. */
  readonly dtype: FloatDtype
}

/** Shared memory that rows are made in: `rows` themselves, and a copy that is `turned` on the way. */
export type RowRoom = (byteLength: number, use: 'rows' | 'turned') => MemoryRange

/** Bytes that one row keeps in memory from when it is read to when it is used. */
export function bytesPerRow({ source, slot, dtype }: FloatMatrix): number {
  const [stored, own] = [source.dtype, dtype].map((each) => tensorBytes(each, [slot.inFeatures])) as [
    number,
    number,
  ]
  const isTurned = slot.stored === 'in-out'
  const isCast = source.dtype !== dtype
  return stored + (isCast || isTurned || source.ranges.length > 1 ? own : 0) + (isCast && isTurned ? own : 0)
}

/**
 * Reads the rows `first` to `end` - 1 by the workers of the pool. Rows that lie as they are wanted are not moved.
 *
 * @returns where the rows are: in the source, or in the memory that `room` gave.
 */
export async function readRows(
  matrix: FloatMatrix,
  [first, end]: readonly [first: number, end: number],
  room: RowRoom,
  { pool, signal }: RowReaders,
): Promise<ByteRange> {
  const { source, dtype, slot } = matrix
  const parts = locateRows(matrix, first, end)
  const [only] = parts
  if (parts.length === 1 && !only!.isTurned && source.dtype === dtype) return only!.range
  const run = (
    kernel: string,
    params: Readonly<Record<string, string | number>>,
    from: ByteRange,
    to: ByteRange,
  ) => pool.run({ kernel, params, inputs: [from], outputs: [to] }, signal === undefined ? {} : { signal })
  const copy = (from: ByteRange, to: ByteRange) =>
    source.dtype === dtype
      ? run('copy', {}, from, to)
      : run('cast', { from: source.dtype, to: dtype }, from, to)
  const rowBytes = tensorBytes(dtype, [slot.inFeatures])
  const rows = room((end - first) * rowBytes, 'rows')
  let done = 0
  for (const { range, isTurned, count } of parts) {
    const target = { ...rows, byteOffset: rows.byteOffset + done * rowBytes, byteLength: count * rowBytes }
    done += count
    if (!isTurned) {
      await copy(range, target)
      continue
    }
    let columns = range
    if (source.dtype !== dtype) {
      columns = room(target.byteLength, 'turned')
      await copy(range, columns)
    }
    await run('transposeFloats', { dtype, rows: slot.inFeatures, columns: count }, columns, target)
  }
  return rows
}

/** The rows `first` to `end` - 1, read by this thread. */
export async function readRowsHere(matrix: FloatMatrix, first: number, end: number): Promise<Uint8Array> {
  const { source, dtype, slot } = matrix
  const pieces: Uint8Array[] = []
  for (const { range, isTurned, count } of locateRows(matrix, first, end)) {
    const stored = castValues(await readHere(range, source.file), source.dtype, dtype)
    if (!isTurned) {
      pieces.push(stored)
      continue
    }
    const rows = new Uint8Array(stored.byteLength)
    runKernel('transposeFloats', { dtype, rows: slot.inFeatures, columns: count }, [stored], [rows])
    pieces.push(rows)
  }
  return joinBytes(pieces)
}

const PIECE_BYTES = 4 * 2 ** 20

/** All rows in pieces of some rows, widened or rounded to `wanted`, read by this thread. */
export async function* rowChunks(
  matrix: FloatMatrix,
  wanted: Dtype = matrix.dtype,
): AsyncGenerator<Uint8Array> {
  const { slot, dtype } = matrix
  const piece = Math.max(1, Math.floor(PIECE_BYTES / Math.max(tensorBytes(dtype, [slot.inFeatures]), 1)))
  for (const [first, end] of rowRanges(slot.outFeatures, piece)) {
    yield castValues(await readRowsHere(matrix, first, end), dtype, wanted)
  }
}

/** Who reads. */
export interface RowReaders {
  readonly pool: KernelPool
  readonly signal?: AbortSignal | undefined
}

interface LocatedRows {
  /** Rows one behind the other; turned, the columns of a matrix that stores [inFeatures, outFeatures]. */
  readonly range: ByteRange
  readonly isTurned: boolean
  readonly count: number
}

function locateRows({ source, slot }: FloatMatrix, first: number, end: number): readonly LocatedRows[] {
  const { outFeatures, inFeatures, stored } = slot
  const elementBytes = tensorBytes(source.dtype, [1])
  const rowBytes = inFeatures * elementBytes
  if (stored === 'out-in') {
    return subRanges(source.ranges, first * rowBytes, (end - first) * rowBytes).map((range) => ({
      range,
      isTurned: false,
      count: range.byteLength / rowBytes,
    }))
  }
  const [matrix] = source.ranges
  if (matrix === undefined || source.ranges.length > 1) {
    throw new TypeError('a matrix that is turned lies in one piece')
  }
  const count = end - first
  const spacing = { pieceBytes: count * elementBytes, strideBytes: outFeatures * elementBytes }
  const columns = { byteLength: count * rowBytes, ...(count === outFeatures ? {} : { spacing }) }
  const start = first * elementBytes
  const range: ByteRange =
    'fd' in matrix
      ? { ...columns, fd: matrix.fd, position: matrix.position + start }
      : { ...columns, buffer: matrix.buffer, byteOffset: matrix.byteOffset + start }
  return [{ range, isTurned: true, count }]
}

/** Some bytes of a tensor in the order of the file, read by this thread. */
export async function readBytesHere(
  { ranges, file }: TensorSource,
  offset: number,
  byteLength: number,
): Promise<Uint8Array> {
  const pieces = await Promise.all(
    subRanges(ranges, offset, byteLength).map((range) => readHere(range, file)),
  )
  return joinBytes(pieces)
}

/** Spaced pieces are many and small: waiting for each of them would take longer than reading does. */
async function readHere(range: ByteRange, file: string): Promise<Uint8Array> {
  if ('fd' in range && range.spacing === undefined) return readRange({ ...range, file })
  const bytes = new Uint8Array(range.byteLength)
  readByteRange(range, bytes)
  return bytes
}
