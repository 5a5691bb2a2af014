import { ALL_FINITE, type KernelResult } from '../kernel.js'
import { floatBytes } from './float-formats.js'
import type { MatrixParams } from './row-abs-max.js'

/** [rows, columns] -> [columns, rows], every element unchanged: from layers that store their weight as [in, out]. */
export function transposeFloats(
  { dtype, rows, columns }: MatrixParams,
  [source]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const size = floatBytes(dtype)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * size
      result!.set(source!.subarray(from, from + size), (column * rows + row) * size)
    }
  }
  return ALL_FINITE
}
