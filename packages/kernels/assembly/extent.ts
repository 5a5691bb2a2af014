// The largest and smallest number of a run of elements, found on the bits with integer instructions:
// nonnegative floats order like signed integers, and among all bit patterns read as unsigned integers the largest
// negative pattern is the most negative float. NaN and infinity win their side, so the result shows them too.
import { padded } from './dtypes'

/** Bits of max(max w, 0). */
export let highBits: u32 = 0
/** Bits of min(min w, 0), or 0. */
export let lowBits: u32 = 0

/** Sets `highBits` and `lowBits` for `count` elements of T at `pointer`. */
@inline
export function measure<T>(pointer: usize, count: usize): void {
  if (isFloat<T>()) measure32(pointer, count)
  else measure16(pointer, count)
}

/** Bits of max |w| of the elements measured last: an infinity wins over numbers, a NaN over both. */
@inline
export function magnitudeBits<T>(): u32 {
  const signBit: u32 = 1 << (8 * <u32>sizeof<T>() - 1)
  const negative = lowBits & ~signBit
  return highBits > negative ? highBits : negative
}

@inline
function measure16(pointer: usize, count: usize): void {
  let high = i32x4.splat(0)
  let low = i32x4.splat(0)
  const end = pointer + ((count & ~7) << 1)
  let at = pointer
  for (; at < end; at += 16) {
    const bits = v128.load(at)
    high = i16x8.max_s(high, bits)
    low = i16x8.max_u(low, bits)
  }
  if (count & 7) {
    const bits = v128.load(padded<u16>(at, count & 7))
    high = i16x8.max_s(high, bits)
    low = i16x8.max_u(low, bits)
  }
  high = i16x8.max_s(high, v128.shuffle<i16>(high, high, 4, 5, 6, 7, 0, 1, 2, 3))
  low = i16x8.max_u(low, v128.shuffle<i16>(low, low, 4, 5, 6, 7, 0, 1, 2, 3))
  high = i16x8.max_s(high, v128.shuffle<i16>(high, high, 2, 3, 0, 1, 6, 7, 4, 5))
  low = i16x8.max_u(low, v128.shuffle<i16>(low, low, 2, 3, 0, 1, 6, 7, 4, 5))
  high = i16x8.max_s(high, v128.shuffle<i16>(high, high, 1, 0, 3, 2, 5, 4, 7, 6))
  low = i16x8.max_u(low, v128.shuffle<i16>(low, low, 1, 0, 3, 2, 5, 4, 7, 6))
  highBits = <u32>i16x8.extract_lane_u(high, 0)
  const lowest = <u32>i16x8.extract_lane_u(low, 0)
  lowBits = lowest >= 0x8000 ? lowest : 0
}

@inline
function measure32(pointer: usize, count: usize): void {
  let high = i32x4.splat(0)
  let low = i32x4.splat(0)
  const end = pointer + ((count & ~3) << 2)
  let at = pointer
  for (; at < end; at += 16) {
    const bits = v128.load(at)
    high = i32x4.max_s(high, bits)
    low = i32x4.max_u(low, bits)
  }
  if (count & 3) {
    const bits = v128.load(padded<f32>(at, count & 3))
    high = i32x4.max_s(high, bits)
    low = i32x4.max_u(low, bits)
  }
  high = i32x4.max_s(high, v128.shuffle<i32>(high, high, 2, 3, 0, 1))
  low = i32x4.max_u(low, v128.shuffle<i32>(low, low, 2, 3, 0, 1))
  high = i32x4.max_s(high, v128.shuffle<i32>(high, high, 1, 0, 3, 2))
  low = i32x4.max_u(low, v128.shuffle<i32>(low, low, 1, 0, 3, 2))
  highBits = i32x4.extract_lane(high, 0)
  const lowest = <u32>i32x4.extract_lane(low, 0)
  lowBits = lowest >= 0x80000000 ? lowest : 0
}
