import type { KernelResult } from '../kernel.js'
import { floatReader, floatWriter } from './float-access.js'
import { type FloatDtype, float16ToFloat32 } from './float-formats.js'

/** Eight-bit floats by their PyTorch names: 4 exponent bits without infinities, and the upper half of a float16. */
export const FLOAT8_DTYPES = ['float8_e4m3fn', 'float8_e5m2'] as const
export type Float8Dtype = (typeof FLOAT8_DTYPES)[number]

export interface Float8DequantizeParams {
  readonly rows: number
  readonly columns: number
  /** Columns that share a scale; divides `columns`. */
  readonly groupSize: number
  readonly codeDtype: Float8Dtype
  /** Dtype of the result. */
  readonly dtype: FloatDtype
}

/**
 * codes [rows, columns], scale float32 [rows, columns / groupSize] -> code * scale, [rows, columns] of `dtype`; the
 * product rounds to float32 first.
 *
 * A group of scale 0 was all zero; its codes may be NaN, the quotient 0 / 0, and are read as 0. Other groups with a
 * code that is no finite number are counted.
 */
export function float8Dequantize(
  { rows, columns, groupSize, codeDtype, dtype }: Float8DequantizeParams,
  [codes, scales]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const scale = floatReader('float32', scales!)
  const write = floatWriter(dtype, result!)
  const decode = codeDtype === 'float8_e4m3fn' ? decodeE4m3 : decodeE5m2
  let nonFinite = 0
  for (let group = 0; group < (rows * columns) / groupSize; group++) {
    const factor = scale(group)
    let finite = true
    for (let i = group * groupSize; i < (group + 1) * groupSize; i++) {
      const code = decode(codes![i]!)
      finite &&= factor === 0 || Number.isFinite(code)
      write(i, factor === 0 ? 0 : Math.fround(code * factor))
    }
    if (!finite) nonFinite++
  }
  return { nonFinite }
}

/** 1 sign, 4 exponent (bias 7), 3 mantissa bits; 0x7f is NaN, and there is no infinity. */
export function decodeE4m3(byte: number): number {
  const sign = byte < 0x80 ? 1 : -1
  const exponent = (byte >> 3) & 15
  const mantissa = byte & 7
  if (exponent === 15 && mantissa === 7) return Number.NaN
  return sign * (exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10))
}

const decodeE5m2 = (byte: number): number => float16ToFloat32(byte << 8)
