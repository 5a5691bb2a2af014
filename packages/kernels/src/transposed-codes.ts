import { type ByteRange, rangeWithin, type Spacing } from './pool/byte-range.js'
import type { KernelTask } from './pool/task.js'
import { runKernel } from './run-kernel.js'

/** A weight is transposed in pieces of about this size: `runKernel` keeps the memory of its largest call. */
const PIECE_BYTES = 2 ** 22

/** Codes int8 [rows, columns] as operators read them, uint8 [columns, rows], code + 128; in pieces of whole columns. */
export function* transposedCodes(codes: Uint8Array, rows: number, columns: number): Generator<Uint8Array> {
  const step = Math.max(1, Math.floor(PIECE_BYTES / Math.max(rows, 1)))
  for (let first = 0; first < columns; first += step) {
    const count = Math.min(step, columns - first)
    const piece = count === columns ? codes : someColumns(codes, rows, columns, first, count)
    const transposed = new Uint8Array(rows * count)
    runKernel('transposeCodes', { rows, columns: count }, [piece], [transposed])
    yield transposed
  }
}

function someColumns(
  codes: Uint8Array,
  rows: number,
  columns: number,
  first: number,
  count: number,
): Uint8Array {
  const piece = new Uint8Array(rows * count)
  for (let row = 0; row < rows; row++) {
    const start = row * columns + first
    piece.set(codes.subarray(start, start + count), row * count)
  }
  return piece
}

/** Rows of about this size are one task of a thread. */
const TASK_BYTES = 2 ** 24

/** A task, and which bytes of the whole result its only output is. */
export interface TransposedPiece extends Omit<KernelTask, 'outputs'> {
  readonly output: { readonly offset: number; readonly byteLength: number; readonly spacing: Spacing }
}

/** The bytes of `transposedCodes` as tasks for threads, each of whole rows: some columns of the result. */
export function transposedPieces(
  codes: ByteRange,
  rows: number,
  columns: number,
): readonly TransposedPiece[] {
  const step = Math.max(1, Math.floor(TASK_BYTES / Math.max(columns, 1)))
  return Array.from({ length: Math.ceil(rows / step) }, (_, index) => {
    const first = index * step
    const count = Math.min(step, rows - first)
    const byteLength = count * columns
    return {
      kernel: 'transposeCodes',
      params: { rows: count, columns },
      inputs: [rangeWithin(codes, first * columns, byteLength)],
      output: { offset: first, byteLength, spacing: { pieceBytes: count, strideBytes: rows } },
    }
  })
}
