// What bitsandbytes makes of numbers next to zero.

/** f32(1e-38), the least divisor on a CPU. */
export const TINY: f32 = reinterpret<f32>(0x006ce3ee)
/** The least number that a GPU does not flush to zero. */
export const SMALLEST_NORMAL: f32 = reinterpret<f32>(0x00800000)

/** A number as a GPU takes it: subnormal ones are zero. */
@inline
export function flushed(value: f32): f32 {
  return abs(value) < SMALLEST_NORMAL ? 0 : value
}
