// Family: codes of GGUF blocks as MatMulNBits reads them, around the middle of their bits.
import { fiveBits, lowNibbles } from './gguf-fields'
import { joinedOfQ6K, scaleOfQ6K, unitOf } from './gguf-scales'
import { bytesOfBlock, bytesOfCodes, IQ4_NL, IQ4_XS, MXFP4, Q3_K, Q4_0, Q4_1, Q4_K, Q5_0, Q6_K, Q8_0 } from './gguf-types'
import { storeNibbles } from './pack'
import { flipped, scaled } from './scale-codes'

/** 32 nibbles in sixteen bytes, the low ones first. */
@inline
function codesOfNibbles(source: usize, codes: usize): void {
  const bytes = v128.load(source)
  storeNibbles(codes, lowNibbles(bytes), i8x16.shr_u(bytes, 4))
}

/** What 32 such nibbles stand for. */
@inline
function codesOfTable(source: usize, table: v128, codes: usize): void {
  const bytes = v128.load(source)
  v128.store(codes, flipped(i8x16.swizzle(table, lowNibbles(bytes))))
  v128.store(codes + 16, flipped(i8x16.swizzle(table, i8x16.shr_u(bytes, 4))))
}

/** ggml's `kvalues_iq4nl`. */
@inline
function iq4Values(): v128 {
  return i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
}

/** Twice an E2M1 value. */
@inline
function twiceE2M1(): v128 {
  return i8x16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
}

function codesOfQ80(block: usize, codes: usize): void {
  v128.store(codes, flipped(v128.load(block + 2)))
  v128.store(codes + 16, flipped(v128.load(block + 18)))
}

/** Integers are five bits less 16. */
function codesOfQ50(block: usize, codes: usize): void {
  const middle = i8x16.splat(<i8>(128 - 16))
  v128.store(codes, i8x16.add(fiveBits(block + 2, block + 6, 0), middle))
  v128.store(codes + 16, i8x16.add(fiveBits(block + 2, block + 6, 1), middle))
}

function codesOfIQ4XS(block: usize, codes: usize): void {
  for (let own: usize = 0; own < 8; own++, codes += 32) codesOfTable(block + 8 + 16 * own, iq4Values(), codes)
}

/** Sixteen values of a group of 32: two bits of their own, and a third of a byte that has one of each group. */
@inline
function thirdBits(lowers: v128, uppers: v128, group: usize): v128 {
  const low = v128.and(i8x16.shr_u(lowers, 2 * <i32>(group & 3)), i8x16.splat(3))
  const high = v128.and(i8x16.shl(i8x16.shr_u(uppers, <i32>group), 2), i8x16.splat(4))
  // Integers are three bits less 4.
  return i8x16.add(v128.or(low, high), i8x16.splat(8 - 4))
}

function codesOfQ3K(block: usize, codes: usize): void {
  for (let group: usize = 0; group < 8; group++, codes += 16) {
    const lowers = block + 32 + 32 * (group >> 2)
    const first = thirdBits(v128.load(lowers), v128.load(block), group)
    const second = thirdBits(v128.load(lowers + 16), v128.load(block + 16), group)
    storeNibbles(codes, first, second)
  }
}

function codesOfQ4K(block: usize, codes: usize): void {
  for (let pair: usize = 0; pair < 4; pair++, codes += 32) {
    const first = v128.load(block + 16 + 32 * pair)
    const second = v128.load(block + 32 + 32 * pair)
    storeNibbles(codes, lowNibbles(first), lowNibbles(second))
    storeNibbles(codes + 16, i8x16.shr_u(first, 4), i8x16.shr_u(second, 4))
  }
}

/** Sixteen integers of six bits, 32 more than they stand for. */
@inline
function sixBitsOfQ6K(block: usize, group: usize): v128 {
  const half = group >> 3
  // Of 128 values, the second 64 have the high nibbles.
  const low = i8x16.shr_u(v128.load(block + 64 * half + 16 * (group & 3)), <i32>(group & 4))
  const upper = i8x16.shr_u(v128.load(block + 128 + 32 * half + 16 * (group & 1)), <i32>(group & 6))
  return v128.or(lowNibbles(low), i8x16.shl(v128.and(upper, i8x16.splat(3)), 4))
}

function codesOfQ6K(block: usize, codes: usize): void {
  for (let group: usize = 0; group < 16; group++, codes += 16) {
    v128.store(codes, i8x16.add(sixBitsOfQ6K(block, group), i8x16.splat(<i8>(128 - 32))))
  }
}

function joinedCodesOfQ6K(block: usize, codes: usize): void {
  const unit = unitOf(Q6_K, block)
  for (let quarter: usize = 0; quarter < 4; quarter++) {
    const joined = joinedOfQ6K(unit, block, quarter)
    for (let group = 4 * quarter; group < 4 * quarter + 4; group++, codes += 16) {
      const ratio: f32 = joined == 0 ? 0 : scaleOfQ6K(unit, block, group) / joined
      const integers = i8x16.sub(sixBitsOfQ6K(block, group), i8x16.splat(32))
      v128.store(codes, flipped(scaled(integers, ratio)))
    }
  }
}

@inline
function codesOfBlock(type: i32, block: usize, codes: usize): void {
  switch (type) {
    case Q8_0: return codesOfQ80(block, codes)
    case Q4_0: return codesOfNibbles(block + 2, codes)
    case Q4_1: return codesOfNibbles(block + 4, codes)
    case Q5_0: return codesOfQ50(block, codes)
    case IQ4_NL: return codesOfTable(block + 2, iq4Values(), codes)
    case MXFP4: return codesOfTable(block + 1, twiceE2M1(), codes)
    case IQ4_XS: return codesOfIQ4XS(block, codes)
    case Q3_K: return codesOfQ3K(block, codes)
    case Q4_K: return codesOfQ4K(block, codes)
    case Q6_K: return codesOfQ6K(block, codes)
    default: return joinedCodesOfQ6K(block, codes)
  }
}

/** blocks [count] -> uint8 codes, two a byte of the types of four bits. */
export function ggufCodes(type: i32, count: usize, source: usize, codes: usize): void {
  for (let block: usize = 0; block < count; block++) {
    codesOfBlock(type, source, codes)
    source += bytesOfBlock(type)
    codes += bytesOfCodes(type)
  }
}
