// Family: blocks of GGUF as MatMulNBits reads them: codes around the middle of their bits, and a scale for each block.
import { half, sixBits } from './gguf-fields'
import { flipped, scaled } from './scale-codes'

/** The numbers the host passes for a type. */
const Q8_0: i32 = 0
const Q4_0: i32 = 1
const Q4_K: i32 = 2

/** Bytes of a block. */
const Q8_0_BYTES: usize = 34
const Q4_0_BYTES: usize = 18
const Q4_K_BYTES: usize = 144
const Q6_K_BYTES: usize = 210

/** What integers are multiplied by in the group with the largest scale of those that are joined. */
const Q6_HEADROOM: f32 = 4

/** Sixteen 4-bit codes, one a byte -> sixteen-bit lanes with two neighbours in the low byte. */
@inline
function neighbours(codes: v128): v128 {
  const packed = v128.or(codes, i16x8.shr_u(codes, 4))
  return v128.and(packed, i16x8.splat(255))
}

@inline
function storeNibbles(target: usize, first: v128, second: v128): void {
  v128.store(target, i8x16.narrow_i16x8_u(neighbours(first), neighbours(second)))
}

@inline
function lowNibbles(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(15))
}

/** The one with the larger magnitude, and the last of several that are no numbers. */
@inline
function wider(left: f32, right: f32): f32 {
  return abs(left) >= abs(right) ? left : right
}

@inline
function ratioOf(scale: f32, joined: f32): f32 {
  return joined == 0 ? 0 : scale / joined
}

/** @param d of the block. */
@inline
function scaleOfQ4(d: f32, block: usize, group: usize): f32 {
  return d * sixBits(block + 4, group)
}

@inline
function scaleOfQ6(d: f32, block: usize, group: usize): f32 {
  return d * <f32>load<i8>(block + 192 + group)
}

function joinedOfQ6(d: f32, block: usize, quarter: usize): f32 {
  let widest: f32 = 0
  for (let own: usize = 0; own < 4; own++) widest = wider(widest, scaleOfQ6(d, block, 4 * quarter + own))
  return widest / Q6_HEADROOM
}

function codesOfQ4K(block: usize, codes: usize): void {
  for (let pair: usize = 0; pair < 4; pair++, codes += 32) {
    const first = v128.load(block + 16 + 32 * pair)
    const second = v128.load(block + 32 + 32 * pair)
    storeNibbles(codes, lowNibbles(first), lowNibbles(second))
    storeNibbles(codes + 16, i8x16.shr_u(first, 4), i8x16.shr_u(second, 4))
  }
}

function codesOfQ6K(block: usize, codes: usize): void {
  const d = half(block + 208)
  for (let quarter: usize = 0; quarter < 4; quarter++, codes += 64) {
    const joined = joinedOfQ6(d, block, quarter)
    const lowers = block + 64 * (quarter >> 1)
    const uppers = block + 128 + 32 * (quarter >> 1)
    // The second quarter of 128 values has the high nibbles, and bits 4 to 7 of the upper ones.
    const shift = 4 * <i32>(quarter & 1)
    for (let own: usize = 0; own < 4; own++) {
      const ratio = ratioOf(scaleOfQ6(d, block, 4 * quarter + own), joined)
      const low = lowNibbles(i8x16.shr_u(v128.load(lowers + 16 * own), shift))
      const upper = i8x16.shr_u(v128.load(uppers + 16 * (own & 1)), shift + 2 * <i32>(own >> 1))
      const integers = i8x16.sub(v128.or(low, i8x16.shl(v128.and(upper, i8x16.splat(3)), 4)), i8x16.splat(32))
      v128.store(codes + 16 * own, flipped(scaled(integers, ratio)))
    }
  }
}

/** blocks [count] -> uint8 codes, two a byte of the types of four bits. */
export function ggufCodes(type: i32, count: usize, source: usize, codes: usize): void {
  for (let block: usize = 0; block < count; block++) {
    if (type == Q8_0) {
      v128.store(codes, flipped(v128.load(source + 2)))
      v128.store(codes + 16, flipped(v128.load(source + 18)))
      source += Q8_0_BYTES
      codes += 32
    } else if (type == Q4_0) {
      const bytes = v128.load(source + 2)
      storeNibbles(codes, lowNibbles(bytes), i8x16.shr_u(bytes, 4))
      source += Q4_0_BYTES
      codes += 16
    } else if (type == Q4_K) {
      codesOfQ4K(source, codes)
      source += Q4_K_BYTES
      codes += 128
    } else {
      codesOfQ6K(source, codes)
      source += Q6_K_BYTES
      codes += 256
    }
  }
}

/** Stores a scale; 1 for one that is no number. */
@inline
function put(target: usize, scale: f32): i32 {
  store<f32>(target, scale)
  return i32(!(abs(scale) < Infinity))
}

/** blocks [count] -> float32 scales; returns how many are no numbers. */
export function ggufScales(type: i32, count: usize, source: usize, scales: usize): i32 {
  let nonFinite = 0
  for (let block: usize = 0; block < count; block++) {
    if (type == Q8_0 || type == Q4_0) {
      nonFinite += put(scales, half(source))
      source += type == Q8_0 ? Q8_0_BYTES : Q4_0_BYTES
      scales += 4
    } else if (type == Q4_K) {
      const d = half(source)
      for (let group: usize = 0; group < 8; group++, scales += 4) {
        nonFinite += put(scales, scaleOfQ4(d, source, group))
      }
      source += Q4_K_BYTES
    } else {
      const d = half(source + 208)
      for (let quarter: usize = 0; quarter < 4; quarter++, scales += 4) {
        nonFinite += put(scales, joinedOfQ6(d, source, quarter))
      }
      source += Q6_K_BYTES
    }
  }
  return nonFinite
}
