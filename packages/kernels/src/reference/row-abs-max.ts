import type { KernelResult } from '../kernel.js'
import { absMax } from './abs-max.js'
import { floatReader, floatWriter } from './float-access.js'
import type { FloatDtype } from './float-formats.js'

/** Shape [rows, columns] and dtype of a matrix. */
export interface MatrixParams {
  readonly dtype: FloatDtype
  readonly rows: number
  readonly columns: number
}

/** weight [rows, columns] -> float32 [rows]: max |w| of each row, 0 for an empty row, NaN if the row has one. */
export function rowAbsMax(
  { dtype, rows, columns }: MatrixParams,
  [weight]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const w = floatReader(dtype, weight!)
  const write = floatWriter('float32', result!)
  let nonFinite = 0
  for (let row = 0; row < rows; row++) {
    const largest = absMax(w, row * columns, (row + 1) * columns)
    if (!Number.isFinite(largest)) nonFinite++
    write(row, largest)
  }
  return { nonFinite }
}
