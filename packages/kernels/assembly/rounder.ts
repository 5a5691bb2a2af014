/** 1.5 * 2^23: adding it rounds a float32 below 2^22 half to even and leaves the integer in the low bits. */
export const ROUNDER: f32 = 12582912
export const ROUNDER_BITS: i32 = 0x4b400000
