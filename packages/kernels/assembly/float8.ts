// Family: reconstruction of floats from eight-bit floats.
import { BFLOAT16, BFloat16, canonical, copyBytes, FLOAT32, Float16, Float32, resultScratch, store8, widenFloat16 } from './dtypes'

/** The formats that `widenFloat8` knows. */
export const E4M3: i32 = 0
export const E5M2: i32 = 1

/** Four bytes in lanes -> the numbers that they stand for. */
@inline
export function widenFloat8(bytes: v128, format: i32): v128 {
  if (format != E4M3) return widenFloat16(i32x4.shl(bytes, 8))
  const magnitude = v128.and(bytes, i32x4.splat(0x7f))
  const sign = i32x4.shl(v128.xor(bytes, magnitude), 24)
  // Read as float32 the shifted bits are too small by 2^120; the product repairs that and normalizes subnormals.
  const finite = f32x4.mul(i32x4.shl(magnitude, 20), i32x4.splat(0x7b800000))
  const isNaN = i32x4.eq(magnitude, i32x4.splat(0x7f))
  return v128.or(v128.or(finite, sign), v128.and(isNaN, i32x4.splat(0x7fc00000)))
}

/** All bits set where a lane is no finite number. */
@inline
function notFinite(value: v128): v128 {
  return i32x4.gt_s(v128.and(value, i32x4.splat(0x7fffffff)), i32x4.splat(0x7f7fffff))
}

/** Eight codes at `pointer` -> code * scale at `target`; returns the lanes that are not finite. */
@inline
function restore8<T>(format: i32, pointer: usize, target: usize, scale: v128): v128 {
  const wide = v128.load_ext<u8>(pointer)
  const first = widenFloat8(i32x4.extend_low_i16x8_u(wide), format)
  const second = widenFloat8(i32x4.extend_high_i16x8_u(wide), format)
  store8<T>(target, canonical(f32x4.mul(first, scale)), canonical(f32x4.mul(second, scale)))
  return v128.or(notFinite(first), notFinite(second))
}

function dequantize<T>(
  format: i32,
  groups: usize,
  groupSize: usize,
  codes: usize,
  scales: usize,
  target: usize,
): i32 {
  let nonFinite = 0
  const end = groupSize & ~7
  const rest = groupSize - end
  for (let group: usize = 0; group < groups; group++) {
    const factor = load<f32>(scales + (group << 2))
    const scale = f32x4.splat(factor)
    const from = codes + group * groupSize
    const to = target + group * groupSize * sizeof<T>()
    if (factor == 0) {
      memory.fill(to, 0, groupSize * sizeof<T>())
      continue
    }
    let wrong = i32x4.splat(0)
    for (let i: usize = 0; i < end; i += 8) wrong = v128.or(wrong, restore8<T>(format, from + i, to + i * sizeof<T>(), scale))
    if (rest != 0) {
      store<u64>(resultScratch + 32, 0)
      copyBytes(resultScratch + 32, from + end, rest)
      wrong = v128.or(wrong, restore8<T>(format, resultScratch + 32, resultScratch, scale))
      copyBytes(to + end * sizeof<T>(), resultScratch, rest * sizeof<T>())
    }
    if (v128.any_true(wrong)) nonFinite++
  }
  return nonFinite
}

/**
 * codes [groups, groupSize], scales float32 [groups] -> target [groups, groupSize] of dtype; format 0 is e4m3fn, 1 is
 * e5m2. Returns the number of groups with a code that is not finite; groups of scale 0 are 0.
 */
export function float8Dequantize(
  dtype: i32,
  format: i32,
  groups: usize,
  groupSize: usize,
  codes: usize,
  scales: usize,
  target: usize,
): i32 {
  if (dtype == FLOAT32) return dequantize<Float32>(format, groups, groupSize, codes, scales, target)
  if (dtype == BFLOAT16) return dequantize<BFloat16>(format, groups, groupSize, codes, scales, target)
  return dequantize<Float16>(format, groups, groupSize, codes, scales, target)
}
