import { rangeWithin } from '@hfquant/kernels'
import type { LoweringInput } from '../contract/format.js'
import type { ConstantPiece } from '../contract/graph.js'
import type { StoredBytes } from '../contract/stored-bytes.js'
import { rowPieces } from './block-constants.js'

/** Rows that a kernel makes of stored ones. */
export interface RowCalls {
  readonly rows: number
  /** Bytes of a row as it is stored, and as it is made. */
  readonly storedBytes: number
  readonly madeBytes: number
  /** The call that makes so many rows. */
  call(rows: number): Pick<ConstantPiece, 'kernel' | 'params'>
  /** Inputs of the kernel beside the rows; see `sharedBytes`. */
  readonly tables?: readonly Uint8Array[]
}

/** Bytes that one call reads, or makes, if that is more. */
const CALL_BYTES = 2 ** 22

/** A constant as calls of a kernel, for threads; undefined where its rows do not lie in one piece. */
export function rowCalls(
  stored: StoredBytes | undefined,
  { rows, storedBytes, madeBytes, call, tables = [] }: RowCalls,
): readonly ConstantPiece[] | undefined {
  if (stored === undefined) return undefined
  const ranges = [...rowPieces(rows, Math.max(storedBytes, madeBytes), CALL_BYTES)]
  return ranges.map(([first, end]) => ({
    ...call(end - first),
    inputs: [rangeWithin(stored, first * storedBytes, (end - first) * storedBytes), ...tables.map(rangeOf)],
    output: { offset: first * madeBytes, byteLength: (end - first) * madeBytes },
  }))
}

/** Codes int8 [N, K] around 128, for threads. */
export const offsetRows = (
  { weight, source }: LoweringInput,
  key: string,
): readonly ConstantPiece[] | undefined =>
  rowCalls(source?.(key), {
    ...{ rows: weight.outFeatures, storedBytes: weight.inFeatures, madeBytes: weight.inFeatures },
    call: () => ({ kernel: 'offsetCodes', params: { bits: 8 } }),
  })

/** The same bytes in memory that threads share: what all calls read is not copied for each. */
export function sharedBytes(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength))
  shared.set(bytes)
  return shared
}

/** Bytes of memory as an input of a call. */
export const rangeOf = ({ buffer, byteOffset, byteLength }: Uint8Array): StoredBytes => ({
  ...{ buffer, byteOffset, byteLength },
})
