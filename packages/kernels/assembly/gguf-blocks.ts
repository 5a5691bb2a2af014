// Family: the Q8_0 and Q4_0 blocks of GGUF, 32 values behind a float16 scale.
import {
  BFLOAT16,
  BFloat16,
  encode,
  FLOAT32,
  Float16,
  Float32,
  infinityBits,
  load1,
  load4,
} from './dtypes'

/** The number the host passes for a type. */
const Q8_0: i32 = 0

const BLOCK: usize = 32
const Q8_BYTES: usize = 34
const Q4_BYTES: usize = 18

/** max |x| of a block; a NaN wins. */
@inline
function largest<T>(source: usize): f32 {
  let most = f32x4.splat(0)
  for (let i: usize = 0; i < BLOCK; i += 4) most = f32x4.max(most, f32x4.abs(load4<T>(source + i * sizeof<T>())))
  most = f32x4.max(most, v128.shuffle<f32>(most, most, 2, 3, 0, 1))
  return max<f32>(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1))
}

/** The first value of a block whose magnitude is `most`. */
@inline
function firstOf<T>(source: usize, most: f32): f32 {
  if (most == 0) return 0
  const wanted = f32x4.splat(most)
  let at: usize = 0
  let found: i32 = 0
  for (; at < BLOCK; at += 4) {
    found = i32x4.bitmask(f32x4.eq(f32x4.abs(load4<T>(source + at * sizeof<T>())), wanted))
    if (found) break
  }
  return load1<T>(source, at + <usize>ctz(found))
}

/** A scale too small to be inverted stands for zeros. */
@inline
function reciprocal(d: f32): f32 {
  const inverse: f32 = 1 / d
  return abs(inverse) < Infinity ? inverse : 0
}

/** Four codes x / d, halves away from zero. */
@inline
function codes8<T>(pointer: usize, inverse: v128): v128 {
  const v = f32x4.mul(load4<T>(pointer), inverse)
  const magnitude = f32x4.abs(v)
  const whole = f32x4.trunc(magnitude)
  // Adding a half to a magnitude just below one would round up; the fraction is exact.
  const up = v128.and(f32x4.ge(f32x4.sub(magnitude, whole), f32x4.splat(0.5)), f32x4.splat(1))
  const rounded = f32x4.add(whole, up)
  return i32x4.trunc_sat_f32x4_s(v128.bitselect(v, rounded, i32x4.splat(0x80000000)))
}

/** Four codes x / d + 8, from 0 to 15. */
@inline
function codes4<T>(pointer: usize, inverse: v128): v128 {
  const v = f32x4.add(f32x4.mul(load4<T>(pointer), inverse), f32x4.splat(8.5))
  return i32x4.min_s(i32x4.trunc_sat_f32x4_s(v), i32x4.splat(15))
}

@inline
function sixteenCodes8<T>(at: usize, inverse: v128): v128 {
  const step: usize = 4 * sizeof<T>()
  return i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(codes8<T>(at, inverse), codes8<T>(at + step, inverse)),
    i16x8.narrow_i32x4_s(codes8<T>(at + 2 * step, inverse), codes8<T>(at + 3 * step, inverse)),
  )
}

@inline
function sixteenCodes4<T>(at: usize, inverse: v128): v128 {
  const step: usize = 4 * sizeof<T>()
  return i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_s(codes4<T>(at, inverse), codes4<T>(at + step, inverse)),
    i16x8.narrow_i32x4_s(codes4<T>(at + 2 * step, inverse), codes4<T>(at + 3 * step, inverse)),
  )
}

function q8<T>(count: usize, source: usize, target: usize): i32 {
  let nonFinite = 0
  for (let block: usize = 0; block < count; block++, source += BLOCK * sizeof<T>(), target += Q8_BYTES) {
    const most = largest<T>(source)
    const d: f32 = most / 127
    const half = encode<Float16>(d)
    if (!(most < Infinity) || half >= infinityBits<Float16>()) {
      memory.fill(target, 0, Q8_BYTES)
      nonFinite++
      continue
    }
    const inverse = f32x4.splat(reciprocal(d))
    store<u16>(target, <u16>half)
    v128.store(target + 2, sixteenCodes8<T>(source, inverse))
    v128.store(target + 18, sixteenCodes8<T>(source + 16 * sizeof<T>(), inverse))
  }
  return nonFinite
}

function q4<T>(count: usize, source: usize, target: usize): i32 {
  let nonFinite = 0
  for (let block: usize = 0; block < count; block++, source += BLOCK * sizeof<T>(), target += Q4_BYTES) {
    const most = largest<T>(source)
    const d: f32 = most < Infinity ? firstOf<T>(source, most) / -8 : Infinity
    const half = encode<Float16>(d)
    if ((half & 0x7fff) >= infinityBits<Float16>()) {
      memory.fill(target, 0, Q4_BYTES)
      nonFinite++
      continue
    }
    const inverse = f32x4.splat(reciprocal(d))
    store<u16>(target, <u16>half)
    const low = sixteenCodes4<T>(source, inverse)
    const high = sixteenCodes4<T>(source + 16 * sizeof<T>(), inverse)
    v128.store(target + 2, v128.or(low, i8x16.shl(high, 4)))
  }
  return nonFinite
}

/** source [count, 32] of dtype -> blocks [count]; returns the number of blocks that could not be quantized. */
export function ggufBlocks(type: i32, dtype: i32, count: usize, source: usize, target: usize): i32 {
  if (type == Q8_0) {
    if (dtype == FLOAT32) return q8<Float32>(count, source, target)
    if (dtype == BFLOAT16) return q8<BFloat16>(count, source, target)
    return q8<Float16>(count, source, target)
  }
  if (dtype == FLOAT32) return q4<Float32>(count, source, target)
  if (dtype == BFLOAT16) return q4<BFloat16>(count, source, target)
  return q4<Float16>(count, source, target)
}
