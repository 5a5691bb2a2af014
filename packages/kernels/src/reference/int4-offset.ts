import type { KernelResult } from '../kernel.js'
import { floatReader, floatWriter } from './float-access.js'
import { type FloatDtype, roundHalfToEven } from './float-formats.js'
import type { MatrixParams } from './row-abs-max.js'

/** Groups of an even number of columns, so that a group begins with a new byte. */
export interface Int4OffsetQuantizeParams extends MatrixParams {
  /** Columns that share scale and offset; even, divides `columns`. */
  readonly groupSize: number
}

/** Floor of the range of a group. */
const SMALLEST_RANGE = Math.fround(1e-6)

/**
 * torchao Int4Tensor (plain packing): four bits with a float offset in the place of a zero point.
 *
 * weight [rows, columns] -> codes -8..7 in two's complement, two a byte, even column in the low nibble,
 * [rows, columns / 2]; scale and offset in `dtype`, [rows, columns / groupSize] (a checkpoint stores both transposed).
 * Whatever the dtype, every operation is float32: s = max(hi - lo, 1e-6) / 15, z = lo + 8 s,
 * code = clamp(rint((w - lo) / s), 0, 15) - 8. The range need not include 0.
 *
 * A group with a NaN or an infinity, or with a range beyond float32, gets codes 0 and NaN for scale and offset, and is
 * counted.
 */
export function int4OffsetQuantize(
  { dtype, rows, columns, groupSize }: Int4OffsetQuantizeParams,
  [weight]: readonly Uint8Array[],
  [packed, scales, offsets]: readonly Uint8Array[],
): KernelResult {
  const w = floatReader(dtype, weight!)
  const writeScale = floatWriter(dtype, scales!)
  const writeOffset = floatWriter(dtype, offsets!)
  let nonFinite = 0
  for (let group = 0; group < (rows * columns) / groupSize; group++) {
    const start = group * groupSize
    let lo = Number.POSITIVE_INFINITY
    let hi = Number.NEGATIVE_INFINITY
    for (let i = start; i < start + groupSize; i++) {
      lo = Math.min(lo, w(i))
      hi = Math.max(hi, w(i))
    }
    const scale = Math.fround(Math.max(Math.fround(hi - lo), SMALLEST_RANGE) / 15)
    const finite = Number.isFinite(scale)
    if (!finite) nonFinite++
    const nibble = (i: number) => {
      if (!finite) return 0
      const steps = roundHalfToEven(Math.fround(Math.fround(w(i) - lo) / scale))
      return Math.min(Math.max(steps, 0), 15) ^ 8
    }
    for (let i = start; i < start + groupSize; i += 2) packed![i / 2] = nibble(i) | (nibble(i + 1) << 4)
    writeScale(group, finite ? scale : Number.NaN)
    writeOffset(group, finite ? Math.fround(lo + Math.fround(8 * scale)) : Number.NaN)
  }
  return { nonFinite }
}

export interface Int4OffsetDequantizeParams {
  readonly rows: number
  readonly columns: number
  readonly groupSize: number
  /** Rows of the whole weight, whose scales and offsets are passed, and the first of the rows wanted. */
  readonly outFeatures: number
  readonly first: number
  /** Dtype of scale and offset. */
  readonly scaleDtype: FloatDtype
  /** Dtype of the result. */
  readonly dtype: FloatDtype
}

/**
 * packed codes of some rows [rows, columns / 2], scale and offset of all [columns / groupSize, outFeatures] ->
 * code * scale + offset, [rows, columns]; product and sum round to float32, the result to `dtype`.
 */
export function int4OffsetDequantize(
  { rows, columns, groupSize, outFeatures, first, scaleDtype, dtype }: Int4OffsetDequantizeParams,
  [packed, scales, offsets]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const scale = floatReader(scaleDtype, scales!)
  const offset = floatReader(scaleDtype, offsets!)
  const write = floatWriter(dtype, result!)
  for (let i = 0; i < rows * columns; i++) {
    const row = first + Math.floor(i / columns)
    const at = Math.floor((i % columns) / groupSize) * outFeatures + row
    const byte = packed![i >> 1]!
    const code = (byte << (i % 2 === 0 ? 28 : 24)) >> 28
    write(i, Math.fround(Math.fround(code * scale(at)) + offset(at)))
  }
  return { nonFinite: 0 }
}
