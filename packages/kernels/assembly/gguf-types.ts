// Family: types of GGUF blocks whose integers become codes, and how their blocks lie.

/** The numbers the host passes. */
export const Q8_0: i32 = 0
export const Q4_0: i32 = 1
export const Q4_1: i32 = 2
export const Q5_0: i32 = 3
export const IQ4_NL: i32 = 4
export const MXFP4: i32 = 5
export const IQ4_XS: i32 = 6
export const Q3_K: i32 = 7
export const Q4_K: i32 = 8
export const Q6_K: i32 = 9
/** With one scale for four groups. */
export const Q6_K_BY_4: i32 = 10

/** By type. */
const blockBytes: usize = memory.data<u8>([34, 18, 20, 22, 18, 17, 136, 110, 144, 210, 210])
const codeBytes: usize = memory.data<u16>([32, 16, 16, 32, 32, 32, 256, 128, 128, 256, 256])
const scaleCounts: usize = memory.data<u8>([1, 1, 1, 1, 1, 1, 8, 16, 8, 16, 4])

@inline
export function bytesOfBlock(type: i32): usize {
  return load<u8>(blockBytes + type)
}

@inline
export function bytesOfCodes(type: i32): usize {
  return load<u16>(codeBytes + 2 * type)
}

@inline
export function scalesOfBlock(type: i32): usize {
  return load<u8>(scaleCounts + type)
}
