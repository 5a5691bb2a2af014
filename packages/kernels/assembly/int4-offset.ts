// Family: four-bit codes with a scale and a float offset for each group of columns (torchao Int4Tensor).
import {
  BFLOAT16,
  BFloat16,
  canonical,
  copyBytes,
  encode,
  FLOAT32,
  Float16,
  Float32,
  load1,
  load4,
  loadAs,
  quietNaNBits,
  resultScratch,
  store8,
  storeBits,
} from './dtypes'

const SMALLEST_RANGE: f32 = 1e-6

let lowest: f32 = 0
let highest: f32 = 0

/** Sets `lowest` and `highest` of `count` > 0 elements; a NaN among them makes both NaN. */
@inline
function range<T>(source: usize, count: usize): void {
  let low: f32 = Infinity
  let high: f32 = -Infinity
  const end = count & ~3
  if (end > 0) {
    let lows = f32x4.splat(Infinity)
    let highs = f32x4.splat(-Infinity)
    for (let i: usize = 0; i < end; i += 4) {
      const values = load4<T>(source + i * sizeof<T>())
      lows = f32x4.min(lows, values)
      highs = f32x4.max(highs, values)
    }
    low = min(min(f32x4.extract_lane(lows, 0), f32x4.extract_lane(lows, 1)), min(f32x4.extract_lane(lows, 2), f32x4.extract_lane(lows, 3)))
    high = max(max(f32x4.extract_lane(highs, 0), f32x4.extract_lane(highs, 1)), max(f32x4.extract_lane(highs, 2), f32x4.extract_lane(highs, 3)))
  }
  for (let i = end; i < count; i++) {
    const value = load1<T>(source, i)
    low = min(low, value)
    high = max(high, value)
  }
  lowest = low
  highest = high
}

/** Four steps 0..15 above `low`. */
@inline
function steps4(values: v128, low: v128, scale: v128): v128 {
  const steps = f32x4.nearest(f32x4.div(f32x4.sub(values, low), scale))
  return i32x4.trunc_sat_f32x4_s(f32x4.min(f32x4.max(steps, f32x4.splat(0)), f32x4.splat(15)))
}

/** count elements -> count / 2 bytes; `count` is even. */
@inline
function pack<T>(source: usize, count: usize, low: f32, scale: f32, target: usize): void {
  const lows = f32x4.splat(low)
  const scales = f32x4.splat(scale)
  const end = count & ~7
  for (let i: usize = 0; i < end; i += 8) {
    const at = source + i * sizeof<T>()
    const first = steps4(load4<T>(at), lows, scales)
    const second = steps4(load4<T>(at + 4 * sizeof<T>()), lows, scales)
    // The sign bit of -8..7 is the inverse of the upper bit of 0..15.
    const nibbles = v128.xor(i16x8.narrow_i32x4_u(first, second), i16x8.splat(8))
    const bytes = v128.or(v128.and(nibbles, i32x4.splat(15)), i32x4.shr_u(nibbles, 12))
    const words = i16x8.narrow_i32x4_u(v128.and(bytes, i32x4.splat(255)), bytes)
    v128.store32_lane(target + (i >> 1), i8x16.narrow_i16x8_u(words, words), 0)
  }
  for (let i = end; i < count; i += 2) {
    const left = i32x4.extract_lane(steps4(f32x4.splat(load1<T>(source, i)), lows, scales), 0)
    const right = i32x4.extract_lane(steps4(f32x4.splat(load1<T>(source, i + 1)), lows, scales), 0)
    store<u8>(target + (i >> 1), (left ^ 8) | ((right ^ 8) << 4))
  }
}

function quantize<T>(
  groups: usize,
  groupSize: usize,
  source: usize,
  packed: usize,
  scales: usize,
  offsets: usize,
): i32 {
  let nonFinite = 0
  for (let group: usize = 0; group < groups; group++) {
    const at = source + group * groupSize * sizeof<T>()
    const to = packed + ((group * groupSize) >> 1)
    range<T>(at, groupSize)
    const low = lowest
    const scale: f32 = max(highest - low, SMALLEST_RANGE) / 15
    if (scale < Infinity) {
      pack<T>(at, groupSize, low, scale, to)
      storeBits<T>(scales, group, encode<T>(scale))
      storeBits<T>(offsets, group, encode<T>(low + 8 * scale))
    } else {
      nonFinite++
      memory.fill(to, 0, groupSize >> 1)
      storeBits<T>(scales, group, quietNaNBits<T>())
      storeBits<T>(offsets, group, quietNaNBits<T>())
    }
  }
  return nonFinite
}

/**
 * source [groups, groupSize] of dtype -> packed [groups, groupSize / 2], scales and offsets [groups] of dtype. Returns
 * the number of groups that could not be quantized.
 */
export function int4OffsetQuantize(
  dtype: i32,
  groups: usize,
  groupSize: usize,
  source: usize,
  packed: usize,
  scales: usize,
  offsets: usize,
): i32 {
  if (dtype == FLOAT32) return quantize<Float32>(groups, groupSize, source, packed, scales, offsets)
  if (dtype == BFLOAT16) return quantize<BFloat16>(groups, groupSize, source, packed, scales, offsets)
  return quantize<Float16>(groups, groupSize, source, packed, scales, offsets)
}

/** Four codes in the low nibbles of lanes -> code * scale + offset. */
@inline
function restore4(lanes: v128, scale: v128, offset: v128): v128 {
  const codes = f32x4.convert_i32x4_s(i32x4.shr_s(i32x4.shl(lanes, 28), 28))
  return canonical(f32x4.add(f32x4.mul(codes, scale), offset))
}

/** Eight codes in the four bytes at `pointer`. */
@inline
function restore8<T>(pointer: usize, target: usize, scale: v128, offset: v128): void {
  const bytes = i16x8.splat(0)
  const packed = v128.load32_lane(pointer, bytes, 0)
  const nibbles = i16x8.extend_low_i8x16_u(i8x16.shuffle(packed, i8x16.shr_u(packed, 4), 0, 16, 1, 17, 2, 18, 3, 19, 0, 0, 0, 0, 0, 0, 0, 0))
  store8<T>(
    target,
    restore4(i32x4.extend_low_i16x8_u(nibbles), scale, offset),
    restore4(i32x4.extend_high_i16x8_u(nibbles), scale, offset),
  )
}

function dequantize<T>(
  scaleDtype: i32,
  rows: usize,
  groups: usize,
  groupSize: usize,
  outFeatures: usize,
  first: usize,
  packed: usize,
  scales: usize,
  offsets: usize,
  target: usize,
): void {
  const end = groupSize & ~7
  const rest = groupSize - end
  for (let row: usize = 0; row < rows; row++) {
    for (let group: usize = 0; group < groups; group++) {
      const index = group * outFeatures + first + row
      const scale = f32x4.splat(loadAs(scaleDtype, scales, index))
      const offset = f32x4.splat(loadAs(scaleDtype, offsets, index))
      const start = (row * groups + group) * groupSize
      const from = packed + (start >> 1)
      const to = target + start * sizeof<T>()
      for (let i: usize = 0; i < end; i += 8) restore8<T>(from + (i >> 1), to + i * sizeof<T>(), scale, offset)
      if (rest != 0) {
        copyBytes(resultScratch + 32, from + (end >> 1), rest >> 1)
        restore8<T>(resultScratch + 32, resultScratch, scale, offset)
        copyBytes(to + end * sizeof<T>(), resultScratch, rest * sizeof<T>())
      }
    }
  }
}

/**
 * packed [rows, groups * groupSize / 2], scales and offsets of scaleDtype [groups, outFeatures] -> target of dtype
 * [rows, groups * groupSize]; `first` is the place of the first row within the weight.
 */
export function int4OffsetDequantize(
  dtype: i32,
  scaleDtype: i32,
  rows: usize,
  groups: usize,
  groupSize: usize,
  outFeatures: usize,
  first: usize,
  packed: usize,
  scales: usize,
  offsets: usize,
  target: usize,
): void {
  if (dtype == FLOAT32)
    dequantize<Float32>(scaleDtype, rows, groups, groupSize, outFeatures, first, packed, scales, offsets, target)
  else if (dtype == BFLOAT16)
    dequantize<BFloat16>(scaleDtype, rows, groups, groupSize, outFeatures, first, packed, scales, offsets, target)
  else dequantize<Float16>(scaleDtype, rows, groups, groupSize, outFeatures, first, packed, scales, offsets, target)
}
