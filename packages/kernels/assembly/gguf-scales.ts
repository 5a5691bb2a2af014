// Family: scales of GGUF blocks whose integers become codes, and offsets of those with least values.
import { half, sixBits, sixBitsOfLeast } from './gguf-fields'
import { bytesOfBlock, IQ4_XS, MXFP4, Q3_K, Q4_1, Q4_K, Q6_K, Q6_K_BY_4, scalesOfBlock } from './gguf-types'

/** What integers are multiplied by in the group with the largest scale of those that are joined. */
const Q6_HEADROOM: f32 = 4

/** The one with the larger magnitude, and the last of several that are no numbers. */
@inline
function wider(left: f32, right: f32): f32 {
  return abs(left) >= abs(right) ? left : right
}

@inline
export function scaleOfQ6K(unit: f32, block: usize, group: usize): f32 {
  return unit * <f32>load<i8>(block + 192 + group)
}

/** The scale that four groups are given. */
export function joinedOfQ6K(unit: f32, block: usize, quarter: usize): f32 {
  let widest: f32 = 0
  for (let own: usize = 0; own < 4; own++) widest = wider(widest, scaleOfQ6K(unit, block, 4 * quarter + own))
  return widest / Q6_HEADROOM
}

/** One of sixteen scales of six bits, around zero: eight bytes have the lower four of all, four more the upper two. */
@inline
function sixBitsOfQ3K(block: usize, group: usize): f32 {
  const low = (<i32>load<u8>(block + 96 + (group & 7)) >> (4 * <i32>(group >> 3))) & 15
  const high = (<i32>load<u8>(block + 104 + (group & 3)) >> (2 * <i32>(group >> 2))) & 3
  return <f32>((low | (high << 4)) - 32)
}

/** The same of eight. */
@inline
function sixBitsOfIQ4XS(block: usize, group: usize): f32 {
  const low = (<i32>load<u8>(block + 4 + (group >> 1)) >> (4 * <i32>(group & 1))) & 15
  const high = (<i32>load<u8>(block + 2 + (group >> 2)) >> (2 * <i32>(group & 3))) & 3
  return <f32>((low | (high << 4)) - 32)
}

/** 2^(exponent - 128): the half that the table of values has too much is taken off. */
@inline
function powerOfMXFP4(block: usize): f32 {
  const exponent = <u32>load<u8>(block)
  return reinterpret<f32>(exponent > 1 ? (exponent - 1) << 23 : 0x200000 << exponent)
}

/** What the scales of a block are multiples of. */
@inline
export function unitOf(type: i32, block: usize): f32 {
  switch (type) {
    case MXFP4: return powerOfMXFP4(block)
    case Q3_K: return half(block + 108)
    case Q6_K: case Q6_K_BY_4: return half(block + 208)
    default: return half(block)
  }
}

@inline
function scaleOf(type: i32, unit: f32, block: usize, own: usize): f32 {
  switch (type) {
    case IQ4_XS: return unit * sixBitsOfIQ4XS(block, own)
    case Q3_K: return unit * sixBitsOfQ3K(block, own)
    case Q4_K: return unit * sixBits(block + 4, own)
    case Q6_K: return scaleOfQ6K(unit, block, own)
    case Q6_K_BY_4: return joinedOfQ6K(unit, block, own)
    default: return unit
  }
}

/** @param unit of the least values of the block. */
@inline
function leastOf(type: i32, unit: f32, block: usize, own: usize): f32 {
  return type == Q4_1 ? -unit : unit * sixBitsOfLeast(block + 4, own)
}

/** Stores a number; 1 for one that is none. */
@inline
function put(target: usize, value: f32): i32 {
  store<f32>(target, value)
  return i32(!(abs(value) < Infinity))
}

/** blocks [count] -> float32 scales; returns how many are no numbers. */
export function ggufScales(type: i32, count: usize, source: usize, scales: usize): i32 {
  const inBlock = scalesOfBlock(type)
  let nonFinite = 0
  for (let block: usize = 0; block < count; block++, source += bytesOfBlock(type)) {
    const unit = unitOf(type, source)
    for (let own: usize = 0; own < inBlock; own++, scales += 4) {
      nonFinite += put(scales, scaleOf(type, unit, source, own))
    }
  }
  return nonFinite
}

/** blocks [count] of a type with least values -> float32 offsets; returns how many are no numbers. */
export function ggufOffsets(type: i32, count: usize, source: usize, offsets: usize): i32 {
  const inBlock = scalesOfBlock(type)
  let nonFinite = 0
  for (let block: usize = 0; block < count; block++, source += bytesOfBlock(type)) {
    const unit = half(source)
    const leastUnit = half(source + 2)
    for (let own: usize = 0; own < inBlock; own++, offsets += 4) {
      nonFinite += put(offsets, 8 * scaleOf(type, unit, source, own) - leastOf(type, leastUnit, source, own))
    }
  }
  return nonFinite
}
