// Family: affine integer quantization, one scale (and zero point) for each run of `groupSize` weights.
// A per-row scheme is the case groupSize = columns.
import {
  BFLOAT16,
  BFloat16,
  copyBytes,
  decode,
  encode,
  FLOAT32,
  Float16,
  Float32,
  load4,
  padded,
  quietNaNBits,
  resultScratch,
  round,
  storeBits,
} from './dtypes'
import { highBits, lowBits, measure } from './extent'
import { ROUNDER, ROUNDER_BITS } from './rounder'

/** The numbers the host passes for a mapping. */
const SYMMETRIC: i32 = 0
const SYMMETRIC_NO_CLIPPING_ERR: i32 = 1

/**
 * Four products w / scale in the low bits of `ROUNDER`. With weight and scale in the same 16-bit dtype the product is
 * rounded to it first. Products stay below 2^10 and those below 2^-2 become 0 either way, so the short form of
 * the rounding (no subnormals, no overflow) is enough.
 */
@inline
function quotient4<T, S>(pointer: usize, reciprocal: v128): v128 {
  let product = f32x4.mul(load4<T>(pointer), reciprocal)
  if (!isFloat<T>() && !isFloat<S>() && isSigned<T>() == isSigned<S>()) {
    const dropped = isSigned<T>() ? 13 : 16
    const odd = v128.and(i32x4.shr_u(product, dropped), i32x4.splat(1))
    product = i32x4.add(i32x4.add(product, i32x4.splat((1 << (dropped - 1)) - 1)), odd)
    product = v128.and(product, i32x4.splat(-1 << dropped))
  }
  return f32x4.add(product, f32x4.splat(ROUNDER))
}

/** Eight codes, not yet clamped, as int16. */
@inline
function codes8<T, S>(pointer: usize, reciprocal: v128, offset: v128): v128 {
  return i16x8.narrow_i32x4_s(
    i32x4.sub(quotient4<T, S>(pointer, reciprocal), offset),
    i32x4.sub(quotient4<T, S>(pointer + 4 * sizeof<T>(), reciprocal), offset),
  )
}

/** source [count] -> target int8 [count]: clamp(rint(w * reciprocal) + zero, low, high). */
@inline
function writeCodes<T, S>(
  count: usize,
  source: usize,
  target: usize,
  inverse: f32,
  zero: i32,
  minimum: i32,
  maximum: i32,
): void {
  const reciprocal = f32x4.splat(inverse)
  const offset = i32x4.splat(ROUNDER_BITS - zero)
  const low = i8x16.splat(<i8>minimum)
  const high = i8x16.splat(<i8>maximum)
  let i: usize = 0
  for (const end = count & ~15; i < end; i += 16) {
    const at = source + i * sizeof<T>()
    const first = codes8<T, S>(at, reciprocal, offset)
    const second = codes8<T, S>(at + 8 * sizeof<T>(), reciprocal, offset)
    const codes = i8x16.narrow_i16x8_s(first, second)
    v128.store(target + i, i8x16.min_s(i8x16.max_s(codes, low), high))
  }
  if (count & 8) {
    const wide = codes8<T, S>(source + i * sizeof<T>(), reciprocal, offset)
    const codes = i8x16.narrow_i16x8_s(wide, wide)
    v128.store64_lane(target + i, i8x16.min_s(i8x16.max_s(codes, low), high), 0)
    i += 8
  }
  if (count & 7) {
    const wide = codes8<T, S>(padded<T>(source + i * sizeof<T>(), count & 7), reciprocal, offset)
    const codes = i8x16.narrow_i16x8_s(wide, wide)
    v128.store(resultScratch, i8x16.min_s(i8x16.max_s(codes, low), high))
    copyBytes(target + i, resultScratch, count & 7)
  }
}

/** Scale of one group in dtype T, before the floor `eps`; `low` <= 0 <= `high`. */
@inline
function groupScale<T>(mapping: i32, low: f32, high: f32, minimum: f32, maximum: f32): f32 {
  if (mapping == SYMMETRIC) return round<T>(max(-low, high) / ((maximum - minimum) / 2))
  if (mapping == SYMMETRIC_NO_CLIPPING_ERR) return max(round<T>(low / minimum), round<T>(high / maximum))
  return round<T>(round<T>(high - low) / (maximum - minimum))
}

function quantize<T, S>(
  mapping: i32,
  bits: i32,
  eps: f32,
  groups: usize,
  groupSize: usize,
  source: usize,
  codes: usize,
  scales: usize,
  zeros: usize,
): i32 {
  const minimum = -(1 << (bits - 1))
  const maximum = (1 << (bits - 1)) - 1
  let nonFinite = 0
  for (let group: usize = 0; group < groups; group++) {
    const at = source + group * groupSize * sizeof<T>()
    const to = codes + group * groupSize
    measure<T>(at, groupSize)
    const low = decode<T>(lowBits)
    const raised = max(groupScale<T>(mapping, low, decode<T>(highBits), <f32>minimum, <f32>maximum), eps)
    const scaleBits = encode<S>(raised)
    const reciprocal = round<S>(1 / decode<S>(scaleBits))
    let zero = 0
    // A NaN or infinity among the weights, or a scale outside its dtype, makes the reciprocal 0, infinite or NaN.
    if (reciprocal > 0 && reciprocal < Infinity) {
      if (mapping != SYMMETRIC && mapping != SYMMETRIC_NO_CLIPPING_ERR) {
        const lowest = minimum - <i32>nearest(round<T>(low / raised))
        zero = min(max(lowest, minimum), maximum)
      }
      writeCodes<T, S>(groupSize, at, to, reciprocal, zero, minimum, maximum)
      storeBits<S>(scales, group, scaleBits)
    } else {
      nonFinite++
      memory.fill(to, 0, groupSize)
      storeBits<S>(scales, group, quietNaNBits<S>())
    }
    if (zeros) store<i8>(zeros + group, <i8>zero)
  }
  return nonFinite
}

/**
 * source [groups, groupSize] of dtype -> codes int8 of the same shape, scales of scaleDtype [groups], zeros int8
 * [groups] (address 0: not wanted). Returns the number of groups that could not be quantized.
 */
export function intGroups(
  dtype: i32,
  scaleDtype: i32,
  mapping: i32,
  bits: i32,
  eps: f32,
  groups: usize,
  groupSize: usize,
  source: usize,
  codes: usize,
  scales: usize,
  zeros: usize,
): i32 {
  if (dtype == FLOAT32) {
    if (scaleDtype == FLOAT32)
      return quantize<Float32, Float32>(mapping, bits, eps, groups, groupSize, source, codes, scales, zeros)
    if (scaleDtype == BFLOAT16)
      return quantize<Float32, BFloat16>(mapping, bits, eps, groups, groupSize, source, codes, scales, zeros)
    return quantize<Float32, Float16>(mapping, bits, eps, groups, groupSize, source, codes, scales, zeros)
  }
  if (dtype == BFLOAT16) {
    if (scaleDtype == FLOAT32)
      return quantize<BFloat16, Float32>(mapping, bits, eps, groups, groupSize, source, codes, scales, zeros)
    if (scaleDtype == BFLOAT16)
      return quantize<BFloat16, BFloat16>(mapping, bits, eps, groups, groupSize, source, codes, scales, zeros)
    return quantize<BFloat16, Float16>(mapping, bits, eps, groups, groupSize, source, codes, scales, zeros)
  }
  if (scaleDtype == FLOAT32)
    return quantize<Float16, Float32>(mapping, bits, eps, groups, groupSize, source, codes, scales, zeros)
  if (scaleDtype == BFLOAT16)
    return quantize<Float16, BFloat16>(mapping, bits, eps, groups, groupSize, source, codes, scales, zeros)
  return quantize<Float16, Float16>(mapping, bits, eps, groups, groupSize, source, codes, scales, zeros)
}
