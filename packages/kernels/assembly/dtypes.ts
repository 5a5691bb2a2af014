// Conversions between the stored float types and lanes of float32.
//
// AssemblyScript has no 16-bit floats, so a storage type with its own width and signedness stands for each dtype;
// `isFloat<T>()` and `isSigned<T>()` are decided at compile time, so every generic below becomes straight-line code.
export type Float32 = f32
export type BFloat16 = u16
export type Float16 = i16

/** The numbers the host passes for a dtype. */
export const FLOAT32: i32 = 0
export const BFLOAT16: i32 = 1
export const FLOAT16: i32 = 2

const SIGN: i32 = 0x80000000
const MAGNITUDE: i32 = 0x7fffffff
const INFINITY_BITS: i32 = 0x7f800000

/** Bits of the positive infinity of T; a larger magnitude is a NaN. */
@inline
export function infinityBits<T>(): u32 {
  if (isFloat<T>()) return 0x7f800000
  return isSigned<T>() ? 0x7c00 : 0x7f80
}

/** Bits of the NaN written for a refused block. */
@inline
export function quietNaNBits<T>(): u32 {
  if (isFloat<T>()) return 0x7fc00000
  return isSigned<T>() ? 0x7e00 : 0x7fc0
}

/** Lanes of bits 0..15 -> float32, exact; a NaN becomes quiet and keeps sign and payload. */
@inline
export function widenFloat16(bits: v128): v128 {
  const magnitude = v128.and(bits, i32x4.splat(0x7fff))
  const sign = i32x4.shl(v128.xor(bits, magnitude), 16)
  // Read as float32 the shifted bits are too small by 2^112; the product repairs that and normalizes subnormals.
  const finite = f32x4.mul(i32x4.shl(magnitude, 13), i32x4.splat(0x77800000))
  const special = v128.and(i32x4.gt_s(magnitude, i32x4.splat(0x7bff)), i32x4.splat(INFINITY_BITS))
  const quiet = v128.and(i32x4.gt_s(magnitude, i32x4.splat(0x7c00)), i32x4.splat(0x400000))
  return v128.or(v128.or(finite, sign), v128.or(special, quiet))
}

/** float32 -> bits of bfloat16 in the low half of each lane, nearest even. */
@inline
export function narrowBFloat16(value: v128): v128 {
  const isNaN = i32x4.gt_s(v128.and(value, i32x4.splat(MAGNITUDE)), i32x4.splat(INFINITY_BITS))
  const high = i32x4.shr_u(value, 16)
  const odd = v128.and(high, i32x4.splat(1))
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(value, i32x4.splat(0x7fff)), odd), 16)
  return v128.bitselect(v128.or(high, i32x4.splat(0x40)), rounded, isNaN)
}

/** float32 -> bits of float16 in the low half of each lane, nearest even, subnormals included. */
@inline
export function narrowFloat16(value: v128): v128 {
  const magnitude = v128.and(value, i32x4.splat(MAGNITUDE))
  const sign = i32x4.shr_u(v128.and(value, i32x4.splat(SIGN)), 16)
  // 0x38800000 is 2^-14. Adding 0.5 puts the last bit of a float16 subnormal at the last bit of a float32.
  const half = i32x4.splat(0x3f000000)
  const subnormal = i32x4.sub(f32x4.add(magnitude, half), half)
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1))
  // 0xc8000fff: rebias the exponent by -112 and add one less than half of the last place.
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, i32x4.splat(0xc8000fff)), odd), 13)
  let result = v128.bitselect(subnormal, normal, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)))
  // 0x477ff000 is 65520, the first magnitude that rounds to infinity.
  result = v128.bitselect(i32x4.splat(0x7c00), result, i32x4.ge_s(magnitude, i32x4.splat(0x477ff000)))
  const nan = v128.or(i32x4.splat(0x7e00), v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(0x3ff)))
  result = v128.bitselect(nan, result, i32x4.gt_s(magnitude, i32x4.splat(INFINITY_BITS)))
  return v128.or(result, sign)
}

/** Four elements at `pointer` as float32 lanes. */
@inline
export function load4<T>(pointer: usize): v128 {
  if (isFloat<T>()) return v128.load(pointer)
  const bits = v128.load_ext<u16>(pointer)
  return isSigned<T>() ? widenFloat16(bits) : i32x4.shl(bits, 16)
}

/** Eight float32 lanes, rounded to T, at `pointer`. */
@inline
export function store8<T>(pointer: usize, first: v128, second: v128): void {
  if (isFloat<T>()) {
    v128.store(pointer, first)
    v128.store(pointer, second, 16)
  } else if (isSigned<T>()) {
    v128.store(pointer, i16x8.narrow_i32x4_u(narrowFloat16(first), narrowFloat16(second)))
  } else {
    v128.store(pointer, i16x8.narrow_i32x4_u(narrowBFloat16(first), narrowBFloat16(second)))
  }
}

/** Lanes in which every NaN has the one bit pattern that is written; which one a processor makes differs. */
@inline
export function canonical(value: v128): v128 {
  return v128.bitselect(value, i32x4.splat(0x7fc00000), f32x4.eq(value, value))
}

/** Bits of T -> the number. */
@inline
export function decode<T>(bits: u32): f32 {
  if (isFloat<T>()) return reinterpret<f32>(bits)
  if (isSigned<T>()) return f32x4.extract_lane(widenFloat16(i32x4.splat(bits)), 0)
  return reinterpret<f32>(bits << 16)
}

/** Nearest number of T, as its bits. */
@inline
export function encode<T>(value: f32): u32 {
  if (isFloat<T>()) return reinterpret<u32>(value)
  const lanes = f32x4.splat(value)
  return i32x4.extract_lane(isSigned<T>() ? narrowFloat16(lanes) : narrowBFloat16(lanes), 0)
}

/** Nearest number of T. */
@inline
export function round<T>(value: f32): f32 {
  return decode<T>(encode<T>(value))
}

/** One element. */
@inline
export function load1<T>(pointer: usize, index: usize): f32 {
  if (isFloat<T>()) return load<f32>(pointer + (index << 2))
  return decode<T>(<u32>load<u16>(pointer + (index << 1)))
}

/** One element of a dtype that is known at run time only. */
export function loadAs(dtype: i32, pointer: usize, index: usize): f32 {
  if (dtype == FLOAT32) return load1<Float32>(pointer, index)
  return dtype == BFLOAT16 ? load1<BFloat16>(pointer, index) : load1<Float16>(pointer, index)
}

/** One element given by its bits. */
@inline
export function storeBits<T>(pointer: usize, index: usize, bits: u32): void {
  if (isFloat<T>()) store<u32>(pointer + (index << 2), bits)
  else store<u16>(pointer + (index << 1), <u16>bits)
}

/** One number, rounded to a dtype that is known at run time only. */
export function storeAs(dtype: i32, pointer: usize, index: usize, value: f32): void {
  if (dtype == FLOAT32) storeNumber<Float32>(pointer, index, value)
  else if (dtype == BFLOAT16) storeNumber<BFloat16>(pointer, index, value)
  else storeNumber<Float16>(pointer, index, value)
}

@inline
function storeNumber<T>(pointer: usize, index: usize, value: f32): void {
  storeBits<T>(pointer, index, value == value ? encode<T>(value) : quietNaNBits<T>())
}

/** 64 bytes in which an incomplete vector at the end of a row is padded with zeros. */
const scratch: usize = memory.data(64, 16)

/** Copies `count` < 8 elements of T into zeroed scratch memory and returns its address. */
export function padded<T>(pointer: usize, count: usize): usize {
  v128.store(scratch, i32x4.splat(0))
  v128.store(scratch, i32x4.splat(0), 16)
  for (let i: usize = 0; i < count; i++) {
    if (isFloat<T>()) store<u32>(scratch + (i << 2), load<u32>(pointer + (i << 2)))
    else store<u16>(scratch + (i << 1), load<u16>(pointer + (i << 1)))
  }
  return scratch
}

/** Scratch memory for results: stored whole, then `copyBytes` takes the part that is wanted. */
export const resultScratch: usize = memory.data(64, 16)

export function copyBytes(target: usize, source: usize, count: usize): void {
  for (let i: usize = 0; i < count; i++) store<u8>(target + i, load<u8>(source + i))
}
