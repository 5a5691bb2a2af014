// Family: values of GGUF blocks with least values, as float32.
import { fifthBits, fiveBits, half, lowNibbles, sixBits, sixBitsOfLeast } from './gguf-fields'

/** The numbers the host passes for a type. */
const Q5_1: i32 = 0
const Q5_K: i32 = 1

/** Bytes of a block. */
const Q5_1_BYTES: usize = 24
const Q5_K_BYTES: usize = 176
const Q2_K_BYTES: usize = 84

@inline
function storeFour(target: usize, integers: v128, step: v128, least: v128): void {
  v128.store(target, f32x4.sub(f32x4.mul(step, f32x4.convert_i32x4_u(integers)), least))
}

/** Sixteen integers -> step * integer - least, the product rounded first. */
@inline
function storeSixteen(target: usize, integers: v128, step: f32, least: f32): void {
  const steps = f32x4.splat(step)
  const leasts = f32x4.splat(least)
  const low = i16x8.extend_low_i8x16_u(integers)
  const high = i16x8.extend_high_i8x16_u(integers)
  storeFour(target, i32x4.extend_low_i16x8_u(low), steps, leasts)
  storeFour(target + 16, i32x4.extend_high_i16x8_u(low), steps, leasts)
  storeFour(target + 32, i32x4.extend_low_i16x8_u(high), steps, leasts)
  storeFour(target + 48, i32x4.extend_high_i16x8_u(high), steps, leasts)
}

function floatsOfQ51(block: usize, target: usize): void {
  const step = half(block)
  const least = -half(block + 2)
  storeSixteen(target, fiveBits(block + 4, block + 8, 0), step, least)
  storeSixteen(target + 64, fiveBits(block + 4, block + 8, 1), step, least)
}

function floatsOfQ5K(block: usize, target: usize): void {
  const d = half(block)
  const m = half(block + 2)
  for (let group: usize = 0; group < 8; group++) {
    const step = d * sixBits(block + 4, group)
    const least = m * sixBitsOfLeast(block + 4, group)
    const mask = i8x16.splat(<i8>(<u32>1 << <u32>group))
    for (let part: usize = 0; part < 32; part += 16) {
      const bytes = i8x16.shr_u(v128.load(block + 48 + 32 * (group >> 1) + part), 4 * <i32>(group & 1))
      const fifth = fifthBits(v128.load(block + 16 + part), mask)
      storeSixteen(target, v128.or(lowNibbles(bytes), fifth), step, least)
      target += 64
    }
  }
}

function floatsOfQ2K(block: usize, target: usize): void {
  const d = half(block + 80)
  const m = half(block + 82)
  for (let group: usize = 0; group < 16; group++, target += 64) {
    const packed = load<u8>(block + group)
    const bytes = v128.load(block + 16 + 32 * (group >> 3) + 16 * (group & 1))
    const integers = v128.and(i8x16.shr_u(bytes, 2 * <i32>((group >> 1) & 3)), i8x16.splat(3))
    storeSixteen(target, integers, d * <f32>(packed & 15), m * <f32>(packed >> 4))
  }
}

/** blocks [count] -> float32 values. */
export function ggufFloats(type: i32, count: usize, source: usize, target: usize): void {
  for (let block: usize = 0; block < count; block++) {
    if (type == Q5_1) {
      floatsOfQ51(source, target)
      source += Q5_1_BYTES
      target += 32 * 4
    } else if (type == Q5_K) {
      floatsOfQ5K(source, target)
      source += Q5_K_BYTES
      target += 256 * 4
    } else {
      floatsOfQ2K(source, target)
      source += Q2_K_BYTES
      target += 256 * 4
    }
  }
}
