import { ALL_FINITE, type KernelResult } from '../kernel.js'
import { floatReader, floatWriter } from './float-access.js'
import type { FloatDtype } from './float-formats.js'

export interface DequantizeRowsParams {
  readonly rows: number
  readonly columns: number
  /** Columns that share a scale; divides `columns`. */
  readonly groupSize: number
  readonly scaleDtype: FloatDtype
  /** Dtype of the result. */
  readonly dtype: FloatDtype
}

/**
 * torchao `dequantize_affine`: codes int8 [rows, columns], scale [rows, columns / groupSize], zero point int8 of the
 * shape of scale (optional) -> (code - zero) * scale, [rows, columns].
 * The difference is exact in every dtype; the product rounds to float32 and then to the result's dtype.
 */
export function dequantizeRows(
  { rows, columns, groupSize, scaleDtype, dtype }: DequantizeRowsParams,
  [codes, scales, zeroPoints]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const scale = floatReader(scaleDtype, scales!)
  const write = floatWriter(dtype, result!)
  for (let i = 0; i < rows * columns; i++) {
    const group = Math.floor(i / groupSize)
    const zero = zeroPoints === undefined ? 0 : signed(zeroPoints[group]!)
    write(i, Math.fround((signed(codes![i]!) - zero) * scale(group)))
  }
  return ALL_FINITE
}

function signed(byte: number): number {
  return (byte << 24) >> 24
}
