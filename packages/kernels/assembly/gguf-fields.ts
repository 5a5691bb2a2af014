// Family: fields that blocks of several types of GGUF have in common.
import { decode, Float16 } from './dtypes'

@inline
export function half(at: usize): f32 {
  return decode<Float16>(<u32>load<u16>(at))
}

/** Six bits of the scale of one of eight groups: the first four have bytes of their own, the others what those leave free. */
@inline
export function sixBits(packed: usize, group: usize): f32 {
  if (group < 4) return <f32>(load<u8>(packed + group) & 63)
  return <f32>((load<u8>(packed + group + 4) & 15) | ((load<u8>(packed + group - 4) >> 6) << 4))
}

/** The same of its least value, which lies beside the scale. */
@inline
export function sixBitsOfLeast(packed: usize, group: usize): f32 {
  if (group < 4) return <f32>(load<u8>(packed + group + 4) & 63)
  return <f32>((load<u8>(packed + group + 4) >> 4) | ((load<u8>(packed + group) >> 6) << 4))
}

@inline
export function lowNibbles(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(15))
}

/** Sixteen bytes: 16 where a bit of `bits` is set. */
@inline
export function fifthBits(bits: v128, mask: v128): v128 {
  return v128.and(i8x16.ne(v128.and(bits, mask), i8x16.splat(0)), i8x16.splat(16))
}

/** Sixteen of 32 values of five bits: nibbles, the low ones of the first half, and a bit of four bytes each. */
@inline
export function fiveBits(bits: usize, nibbles: usize, part: i32): v128 {
  const masks = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128)
  const bytes = i8x16.add(i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), i8x16.splat(<i8>(2 * part)))
  const fifth = fifthBits(i8x16.swizzle(v128.load32_splat(bits), bytes), masks)
  return v128.or(lowNibbles(i8x16.shr_u(v128.load(nibbles), 4 * part)), fifth)
}
