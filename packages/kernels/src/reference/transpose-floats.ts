import { ALL_FINITE, type KernelResult } from '../kernel.js'
import { type CastDtype, castBytes } from './cast-dtypes.js'

/** Shape and dtype of the source. */
export interface TransposeParams {
  readonly dtype: CastDtype
  readonly rows: number
  readonly columns: number
}

/** [rows, columns] -> [columns, rows], every element unchanged: from layers that store their weight as [in, out]. */
export function transposeFloats(
  { dtype, rows, columns }: TransposeParams,
  [source]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const size = castBytes(dtype)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * size
      result!.set(source!.subarray(from, from + size), (column * rows + row) * size)
    }
  }
  return ALL_FINITE
}
