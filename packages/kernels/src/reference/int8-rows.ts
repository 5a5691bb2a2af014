import type { KernelResult } from '../kernel.js'
import { absMax } from './abs-max.js'
import { floatReader, floatWriter } from './float-access.js'
import { roundHalfToEven, roundToDtype } from './float-formats.js'
import type { MatrixParams } from './row-abs-max.js'

/** Floor of a scale, `torch.finfo(torch.float32).eps` for every weight dtype. */
export const INT8_ROWS_EPS = 2 ** -23

/**
 * torchao Int8Tensor (0.18 and later), symmetric, one scale a row.
 *
 * weight [rows, columns] -> codes int8 [rows, columns], scale float32 [rows], zero point int8 [rows], all 0 (optional).
 * The scale is computed in the weight dtype and then stored as float32; reciprocal and product are float32.
 * A row with a NaN or an infinity gets codes 0 and scale NaN, and is counted.
 */
export function int8Rows(
  { dtype, rows, columns }: MatrixParams,
  [weight]: readonly Uint8Array[],
  [codes, scales, zeroPoints]: readonly Uint8Array[],
): KernelResult {
  const w = floatReader(dtype, weight!)
  const writeScale = floatWriter('float32', scales!)
  let nonFinite = 0
  for (let row = 0; row < rows; row++) {
    const start = row * columns
    const largest = absMax(w, start, start + columns)
    const finite = Number.isFinite(largest)
    if (!finite) nonFinite++

    const scale = finite
      ? Math.max(roundToDtype(dtype, Math.fround(largest / 127.5)), INT8_ROWS_EPS)
      : Number.NaN
    const reciprocal = Math.fround(1 / scale)
    for (let i = start; i < start + columns; i++) {
      const code = finite ? roundHalfToEven(Math.fround(w(i) * reciprocal)) : 0
      codes![i] = Math.min(Math.max(code, -128), 127)
    }
    writeScale(row, scale)
    if (zeroPoints !== undefined) zeroPoints[row] = 0
  }
  return { nonFinite }
}
