// Family: LLM.int8() of bitsandbytes, one scale a row, computed from the weight in float16.
import {
  BFLOAT16,
  BFloat16,
  canonical,
  copyBytes,
  decode,
  FLOAT32,
  Float16,
  Float32,
  load4,
  narrowFloat16,
  padded,
  resultScratch,
  round,
  store8,
  widenFloat16,
} from './dtypes'
import { magnitudeBits, measure } from './extent'
import { ROUNDER, ROUNDER_BITS } from './rounder'

/** float32 next to 1/127. */
const STEP: f32 = reinterpret<f32>(0x3c010204)

/** Four elements, rounded to float16. */
@inline
function half4<T>(pointer: usize): v128 {
  const value = load4<T>(pointer)
  return !isFloat<T>() && isSigned<T>() ? value : widenFloat16(narrowFloat16(value))
}

@inline
function code4<T>(pointer: usize, factor: v128): v128 {
  const rounded = f32x4.add(f32x4.mul(half4<T>(pointer), factor), f32x4.splat(ROUNDER))
  return i32x4.sub(rounded, i32x4.splat(ROUNDER_BITS))
}

@inline
function codes8<T>(pointer: usize, factor: v128): v128 {
  return i16x8.narrow_i32x4_s(code4<T>(pointer, factor), code4<T>(pointer + 4 * sizeof<T>(), factor))
}

function writeCodes<T>(count: usize, source: usize, target: usize, factor: f32): void {
  const scale = f32x4.splat(factor)
  const end = count & ~7
  for (let i: usize = 0; i < end; i += 8) {
    const wide = codes8<T>(source + i * sizeof<T>(), scale)
    v128.store64_lane(target + i, i8x16.narrow_i16x8_s(wide, wide), 0)
  }
  const rest = count - end
  if (rest == 0) return
  const wide = codes8<T>(padded<T>(source + end * sizeof<T>(), rest), scale)
  v128.store(resultScratch, i8x16.narrow_i16x8_s(wide, wide))
  copyBytes(target + end, resultScratch, rest)
}

function quantize<T>(rows: usize, columns: usize, source: usize, codes: usize, scales: usize): i32 {
  let nonFinite = 0
  for (let row: usize = 0; row < rows; row++) {
    const at = source + row * columns * sizeof<T>()
    const to = codes + row * columns
    measure<T>(at, columns)
    // Rounding keeps the order, so the largest magnitude may be rounded instead of every element.
    const largest = round<Float16>(decode<T>(magnitudeBits<T>()))
    if (!(largest < Infinity)) {
      nonFinite++
      memory.fill(to, 0, columns)
      store<u32>(scales + (row << 2), 0x7fc00000)
      continue
    }
    if (largest == 0) memory.fill(to, 0, columns)
    else writeCodes<T>(columns, at, to, (<f32>1 / largest) * 127)
    store<f32>(scales + (row << 2), largest)
  }
  return nonFinite
}

/**
 * source [rows, columns] of dtype -> codes int8 of that shape, scales float32 [rows]; returns the number of rows with a
 * NaN, or an infinity after the cast to float16.
 */
export function llmInt8Quantize(
  dtype: i32,
  rows: usize,
  columns: usize,
  source: usize,
  codes: usize,
  scales: usize,
): i32 {
  if (dtype == FLOAT32) return quantize<Float32>(rows, columns, source, codes, scales)
  if (dtype == BFLOAT16) return quantize<BFloat16>(rows, columns, source, codes, scales)
  return quantize<Float16>(rows, columns, source, codes, scales)
}

@inline
function value4(code: v128, scale: v128): v128 {
  return canonical(f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(code), scale), f32x4.splat(STEP)))
}

@inline
function values8<T>(codes: usize, target: usize, scale: v128): void {
  const wide = v128.load_ext<i8>(codes)
  store8<T>(
    target,
    value4(i32x4.extend_low_i16x8_s(wide), scale),
    value4(i32x4.extend_high_i16x8_s(wide), scale),
  )
}

function dequantize<T>(rows: usize, columns: usize, codes: usize, scales: usize, target: usize): void {
  const end = columns & ~7
  const rest = columns - end
  for (let row: usize = 0; row < rows; row++) {
    const scale = v128.load32_splat(scales + (row << 2))
    const from = codes + row * columns
    const to = target + row * columns * sizeof<T>()
    for (let i: usize = 0; i < end; i += 8) values8<T>(from + i, to + i * sizeof<T>(), scale)
    if (rest != 0) {
      copyBytes(resultScratch + 32, from + end, rest)
      values8<T>(resultScratch + 32, resultScratch, scale)
      copyBytes(to + end * sizeof<T>(), resultScratch, rest * sizeof<T>())
    }
  }
}

/** codes int8 [rows, columns], scales float32 [rows] -> target [rows, columns] of dtype. */
export function llmInt8Dequantize(
  dtype: i32,
  rows: usize,
  columns: usize,
  codes: usize,
  scales: usize,
  target: usize,
): void {
  if (dtype == FLOAT32) dequantize<Float32>(rows, columns, codes, scales, target)
  else if (dtype == BFLOAT16) dequantize<BFloat16>(rows, columns, codes, scales, target)
  else dequantize<Float16>(rows, columns, codes, scales, target)
}
