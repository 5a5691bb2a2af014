// Numbers that files hold and no model computes in, as float32: 64-bit floats, whole numbers, eight-bit floats.
import { canonical } from './dtypes'
import { E4M3, E5M2, widenFloat8 } from './float8'

/** The numbers the host passes for them, behind those of the float types. */
const FLOAT64: i32 = 3
const INT8: i32 = 4
const UINT8: i32 = 5
const INT16: i32 = 6
const UINT16: i32 = 7
const INT32: i32 = 8
const UINT32: i32 = 9
const INT64: i32 = 10
const UINT64: i32 = 11
const FLOAT8_E4M3FN: i32 = 12

/** Four elements at `pointer` as the nearest float32 lanes. */
@inline
function widen4<T>(pointer: usize): v128 {
  if (isFloat<T>()) {
    const low = f32x4.demote_f64x2_zero(v128.load(pointer))
    const high = f32x4.demote_f64x2_zero(v128.load(pointer, 16))
    return canonical(v128.shuffle<i64>(low, high, 0, 2))
  }
  if (sizeof<T>() == 8) {
    let lanes = f32x4.splat(<f32>load<T>(pointer))
    lanes = f32x4.replace_lane(lanes, 1, <f32>load<T>(pointer, 8))
    lanes = f32x4.replace_lane(lanes, 2, <f32>load<T>(pointer, 16))
    return f32x4.replace_lane(lanes, 3, <f32>load<T>(pointer, 24))
  }
  if (sizeof<T>() == 4) {
    const whole = v128.load(pointer)
    return isSigned<T>() ? f32x4.convert_i32x4_s(whole) : f32x4.convert_i32x4_u(whole)
  }
  if (sizeof<T>() == 2) return f32x4.convert_i32x4_s(v128.load_ext<T>(pointer))
  const bytes = v128.load32_zero(pointer)
  return f32x4.convert_i32x4_s(
    isSigned<T>()
      ? i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(bytes))
      : i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes)),
  )
}

function widenElements<T>(count: usize, source: usize, target: usize): void {
  const end = count & ~3
  for (let i: usize = 0; i < end; i += 4) v128.store(target + (i << 2), widen4<T>(source + i * sizeof<T>()))
  for (let i = end; i < count; i++) {
    const lane = f32x4.splat(<f32>load<T>(source + i * sizeof<T>()))
    store<f32>(target + (i << 2), f32x4.extract_lane(isFloat<T>() ? canonical(lane) : lane, 0))
  }
}

function widenFloat8s(format: i32, count: usize, source: usize, target: usize): void {
  const end = count & ~3
  for (let i: usize = 0; i < end; i += 4) {
    const bytes = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(source + i)))
    v128.store(target + (i << 2), canonical(widenFloat8(bytes, format)))
  }
  for (let i = end; i < count; i++) {
    const lane = canonical(widenFloat8(i32x4.splat(<i32>load<u8>(source + i)), format))
    store<f32>(target + (i << 2), f32x4.extract_lane(lane, 0))
  }
}

/** source [count] of type `from` -> target float32 [count], every NaN the canonical one. */
export function widenNumbers(from: i32, count: usize, source: usize, target: usize): void {
  if (from == FLOAT64) widenElements<f64>(count, source, target)
  else if (from == INT8) widenElements<i8>(count, source, target)
  else if (from == UINT8) widenElements<u8>(count, source, target)
  else if (from == INT16) widenElements<i16>(count, source, target)
  else if (from == UINT16) widenElements<u16>(count, source, target)
  else if (from == INT32) widenElements<i32>(count, source, target)
  else if (from == UINT32) widenElements<u32>(count, source, target)
  else if (from == INT64) widenElements<i64>(count, source, target)
  else if (from == UINT64) widenElements<u64>(count, source, target)
  else widenFloat8s(from == FLOAT8_E4M3FN ? E4M3 : E5M2, count, source, target)
}

/** Bytes of an element. */
export function widthOf(from: i32): usize {
  if (from == FLOAT64 || from == INT64 || from == UINT64) return 8
  if (from == INT32 || from == UINT32) return 4
  return from == INT16 || from == UINT16 ? 2 : 1
}
