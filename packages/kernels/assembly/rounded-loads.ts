// Elements of one float type, rounded to another on their way into the lanes.
import { load4, narrowBFloat16, narrowFloat16, widenFloat16 } from './dtypes'

/** Whether two storage types stand for the same dtype. */
@inline
function areSame<T, V>(): bool {
  return isFloat<T>() == isFloat<V>() && (isFloat<T>() || isSigned<T>() == isSigned<V>())
}

/** Four numbers of T, given by their bits in the lower halves of lanes if they have 16, rounded to V, as float32 lanes. */
@inline
export function decodeRounded4<T, V>(bits: v128): v128 {
  const value = isFloat<T>() ? bits : isSigned<T>() ? widenFloat16(bits) : i32x4.shl(bits, 16)
  if (areSame<T, V>() || isFloat<V>()) return value
  return isSigned<V>() ? widenFloat16(narrowFloat16(value)) : i32x4.shl(narrowBFloat16(value), 16)
}

/** Whether w / scale is rounded to the same whole number before and after w has been rounded to V. */
@inline
export function roundsAlike<T, V>(scale: f32): bool {
  if (areSame<T, V>() || isFloat<V>()) return true
  // A bfloat16 that float16 does not hold is subnormal there, at most 2^-14: less than half of such a scale.
  return !isFloat<T>() && isSigned<V>() && scale > 1.220703125e-4
}

/** Four finite elements of T, rounded to V, as float32 lanes. Zeros may lose their sign. */
@inline
export function loadRounded4<T, V>(pointer: usize): v128 {
  const value = loadFinite4<T>(pointer)
  if (areSame<T, V>() || isFloat<V>()) return value
  if (!isSigned<V>()) return i32x4.shl(narrowBFloat16(value), 16)
  if (isFloat<T>()) return widenFinite(i32x4.shl(narrowFloat16(value), 16))
  // The seven bits behind the first one of a bfloat16 fit into a float16 unless that is subnormal. Beside 0.75 the last
  // place of a float32 is that of a subnormal float16.
  const anchor = f32x4.splat(0.75)
  const subnormal = f32x4.sub(f32x4.add(value, anchor), anchor)
  const isSubnormal = f32x4.lt(f32x4.abs(value), f32x4.splat(6.103515625e-5))
  return v128.bitselect(subnormal, value, isSubnormal)
}

@inline
function loadFinite4<T>(pointer: usize): v128 {
  if (isFloat<T>() || !isSigned<T>()) return load4<T>(pointer)
  return widenFinite(i32x4.shl(v128.load_ext<u16>(pointer), 16))
}

/** Finite float16 in the upper halves of lanes -> float32. */
@inline
function widenFinite(bits: v128): v128 {
  // The exponent, moved to its place, is too small by 112.
  const moved = v128.and(i32x4.shr_s(bits, 3), i32x4.splat(0x8fffe000))
  return f32x4.mul(moved, i32x4.splat(0x77800000))
}
