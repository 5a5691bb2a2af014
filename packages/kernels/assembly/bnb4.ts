// Family: the four-bit data types of bitsandbytes. Which of them, and whose rounding, is in the table that the host
// writes: 15 ascending bounds, one more number that stands in for NaN, then the nibble of each of the 16 buckets.
import {
  BFLOAT16,
  BFloat16,
  canonical,
  copyBytes,
  decode,
  FLOAT32,
  Float16,
  Float32,
  infinityBits,
  load1,
  load4,
  resultScratch,
  store8,
} from './dtypes'
import { magnitudeBits, measure } from './extent'
import { hostTable } from './host-table'
import { flushed, SMALLEST_NORMAL, TINY } from './smallest-numbers'

const STAND_IN: usize = 60
const NIBBLES: usize = 64

/** Four elements as float32, subnormal ones as zero where a GPU is imitated. */
@inline
function loadFour<T>(pointer: usize, flush: bool): v128 {
  const value = load4<T>(pointer)
  if (!flush) return value
  return v128.andnot(value, f32x4.lt(f32x4.abs(value), f32x4.splat(SMALLEST_NORMAL)))
}

/** w * inverse, with the stand-in where that is not a number. */
@inline
function normalize4<T>(pointer: usize, flush: bool, inverse: v128, standIn: v128): v128 {
  const value = f32x4.mul(loadFour<T>(pointer, flush), inverse)
  return v128.bitselect(value, standIn, f32x4.eq(value, value))
}

/** Sixteen elements -> their nibbles, one a byte. */
@inline
function nibbles16<T>(pointer: usize, flush: bool, inverse: v128, standIn: v128, order: v128): v128 {
  const a = normalize4<T>(pointer, flush, inverse, standIn)
  const b = normalize4<T>(pointer + 4 * sizeof<T>(), flush, inverse, standIn)
  const c = normalize4<T>(pointer + 8 * sizeof<T>(), flush, inverse, standIn)
  const d = normalize4<T>(pointer + 12 * sizeof<T>(), flush, inverse, standIn)
  const table = hostTable()
  // A comparison is -1 where it holds: the sums are the negated numbers of bounds below each value.
  let bound = v128.load32_splat(table)
  let inA = f32x4.lt(bound, a)
  let inB = f32x4.lt(bound, b)
  let inC = f32x4.lt(bound, c)
  let inD = f32x4.lt(bound, d)
  for (let i: usize = 4; i < STAND_IN; i += 4) {
    bound = v128.load32_splat(table + i)
    inA = i32x4.add(inA, f32x4.lt(bound, a))
    inB = i32x4.add(inB, f32x4.lt(bound, b))
    inC = i32x4.add(inC, f32x4.lt(bound, c))
    inD = i32x4.add(inD, f32x4.lt(bound, d))
  }
  const buckets = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(inA, inB), i16x8.narrow_i32x4_s(inC, inD))
  return i8x16.swizzle(order, i8x16.neg(buckets))
}

/** Sixteen nibbles -> eight bytes in the low halves of 16-bit lanes, the first of each pair in the high nibble. */
@inline
function joined(nibbles: v128): v128 {
  return v128.or(v128.and(i16x8.shl(nibbles, 4), i16x8.splat(0xf0)), i16x8.shr_u(nibbles, 8))
}

/** One whole block, `size` a multiple of 32. */
@inline
function writeBlock<T>(size: usize, source: usize, target: usize, flush: bool, inverse: f32): void {
  const scale = f32x4.splat(inverse)
  const standIn = v128.load32_splat(hostTable() + STAND_IN)
  const order = v128.load(hostTable() + NIBBLES)
  for (let i: usize = 0; i < size; i += 32) {
    const at = source + i * sizeof<T>()
    const first = nibbles16<T>(at, flush, scale, standIn, order)
    const second = nibbles16<T>(at + 16 * sizeof<T>(), flush, scale, standIn, order)
    v128.store(target + (i >> 1), i8x16.narrow_i16x8_u(joined(first), joined(second)))
  }
}

function nibbleOf(value: f32): u32 {
  const table = hostTable()
  const v = value == value ? value : load<f32>(table + STAND_IN)
  let bucket: usize = 0
  for (let i: usize = 0; i < STAND_IN; i += 4) bucket += <usize>(load<f32>(table + i) < v)
  return load<u8>(table + NIBBLES + bucket)
}

/** The short block at the end: on a CPU it is divided by its scale, and a missing partner is a zero after that. */
function writeRest<T>(size: usize, source: usize, target: usize, flush: bool, factor: f32): void {
  for (let i: usize = 0; i < size; i += 2) {
    let pair: u32 = 0
    for (let k: usize = 0; k < 2; k++) {
      let v: f32 = i + k < size ? load1<T>(source, i + k) : 0
      if (flush) v = flushed(v) * factor
      else v = v / factor
      pair = (pair << 4) | (i + k < size || flush ? nibbleOf(v) : nibbleOf(0))
    }
    store<u8>(target + (i >> 1), <u8>pair)
  }
}

/** Largest magnitude with NaN left out, which a GPU does. */
function largestNumber<T>(source: usize, size: usize): f32 {
  let largest: f32 = 0
  for (let i: usize = 0; i < size; i++) {
    const value = abs(load1<T>(source, i))
    if (value > largest) largest = value
  }
  return largest
}

function quantize<T>(
  flush: bool,
  blockSize: usize,
  count: usize,
  source: usize,
  packed: usize,
  scales: usize,
): i32 {
  let nonFinite = 0
  for (let start: usize = 0; start < count; start += blockSize) {
    const size = min(blockSize, count - start)
    const at = source + start * sizeof<T>()
    const to = packed + (start >> 1)
    measure<T>(at, size)
    const magnitude = magnitudeBits<T>()
    if (magnitude >= infinityBits<T>()) nonFinite++
    const isNaN = magnitude > infinityBits<T>()
    let largest: f32 = isNaN ? reinterpret<f32>(0x7fc00000) : decode<T>(magnitude)
    if (flush) {
      if (isNaN) largest = largestNumber<T>(at, size)
      largest = flushed(largest)
      const inverse = flushed(<f32>1 / largest)
      if (size == blockSize) writeBlock<T>(size, at, to, true, inverse)
      else writeRest<T>(size, at, to, true, inverse)
    } else {
      const divisor = isNaN ? largest : max(largest, TINY)
      if (size == blockSize) {
        writeBlock<T>(size, at, to, false, <f32>1 / divisor)
      } else {
        writeRest<T>(size, at, to, false, divisor)
        largest = divisor
      }
    }
    if (largest == largest) store<f32>(scales, largest)
    else store<u32>(scales, 0x7fc00000)
    scales += 4
  }
  return nonFinite
}

/**
 * source [count] of dtype -> packed uint8 [ceil(count / 2)], scales float32 [ceil(count / blockSize)]; returns the number
 * of blocks with a NaN or an infinity.
 */
export function bnb4Quantize(
  dtype: i32,
  flush: bool,
  blockSize: usize,
  count: usize,
  source: usize,
  packed: usize,
  scales: usize,
): i32 {
  if (dtype == FLOAT32) return quantize<Float32>(flush, blockSize, count, source, packed, scales)
  if (dtype == BFLOAT16) return quantize<BFloat16>(flush, blockSize, count, source, packed, scales)
  return quantize<Float16>(flush, blockSize, count, source, packed, scales)
}

@inline
function product(code: v128, scale: v128): v128 {
  return canonical(f32x4.mul(code, scale))
}

/** Sixteen nibbles, one a byte, -> code * scale at `target`; the table holds the code values byte by byte. */
@inline
function reconstruct16<T>(nibbles: v128, target: usize, scale: v128): void {
  const table = hostTable()
  const byte0 = i8x16.swizzle(v128.load(table), nibbles)
  const byte1 = i8x16.swizzle(v128.load(table, 16), nibbles)
  const byte2 = i8x16.swizzle(v128.load(table, 32), nibbles)
  const byte3 = i8x16.swizzle(v128.load(table, 48), nibbles)
  const low0 = v128.shuffle<u8>(byte0, byte1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
  const low1 = v128.shuffle<u8>(byte0, byte1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
  const high0 = v128.shuffle<u8>(byte2, byte3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
  const high1 = v128.shuffle<u8>(byte2, byte3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
  store8<T>(
    target,
    product(v128.shuffle<u16>(low0, high0, 0, 8, 1, 9, 2, 10, 3, 11), scale),
    product(v128.shuffle<u16>(low0, high0, 4, 12, 5, 13, 6, 14, 7, 15), scale),
  )
  store8<T>(
    target + 8 * sizeof<T>(),
    product(v128.shuffle<u16>(low1, high1, 0, 8, 1, 9, 2, 10, 3, 11), scale),
    product(v128.shuffle<u16>(low1, high1, 4, 12, 5, 13, 6, 14, 7, 15), scale),
  )
}

/** Eight packed bytes in the low half of a vector -> their sixteen nibbles, one a byte. */
@inline
function split8(bytes: v128): v128 {
  const high = i8x16.shr_u(bytes, 4)
  const low = v128.and(bytes, i8x16.splat(15))
  return v128.shuffle<u8>(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

function dequantize<T>(blockSize: usize, count: usize, packed: usize, scales: usize, target: usize): void {
  for (let start: usize = 0; start < count; start += blockSize) {
    const size = min(blockSize, count - start)
    const from = packed + (start >> 1)
    const to = target + start * sizeof<T>()
    const scale = v128.load32_splat(scales)
    scales += 4
    const end = size & ~15
    for (let i: usize = 0; i < end; i += 16) {
      reconstruct16<T>(split8(v128.load64_zero(from + (i >> 1))), to + i * sizeof<T>(), scale)
    }
    const rest = size - end
    if (rest != 0) {
      v128.store(restScratch, i32x4.splat(0))
      copyBytes(restScratch, from + (end >> 1), (rest + 1) >> 1)
      reconstruct16<T>(split8(v128.load64_zero(restScratch)), resultScratch, scale)
      copyBytes(to + end * sizeof<T>(), resultScratch, rest * sizeof<T>())
    }
  }
}

/** The packed bytes of an incomplete vector. */
const restScratch: usize = memory.data(16, 16)

/** packed uint8 [ceil(count / 2)], scales float32 [ceil(count / blockSize)] -> target [count] of dtype. */
export function bnb4Dequantize(
  dtype: i32,
  blockSize: usize,
  count: usize,
  packed: usize,
  scales: usize,
  target: usize,
): void {
  if (dtype == FLOAT32) dequantize<Float32>(blockSize, count, packed, scales, target)
  else if (dtype == BFLOAT16) dequantize<BFloat16>(blockSize, count, packed, scales, target)
  else dequantize<Float16>(blockSize, count, packed, scales, target)
}
