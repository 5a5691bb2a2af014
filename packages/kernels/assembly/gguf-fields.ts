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
