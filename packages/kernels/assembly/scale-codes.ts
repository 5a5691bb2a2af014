// Family: codes of eight bits that are given another scale.

@inline
export function flipped(codes: v128): v128 {
  return v128.xor(codes, i8x16.splat(-128))
}

@inline
function scaledLanes(integers: v128, ratio: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(f32x4.convert_i32x4_s(integers), ratio)))
}

/** Sixteen integers times a ratio, halves to even, kept within eight bits. */
@inline
export function scaled(integers: v128, ratio: f32): v128 {
  const ratios = f32x4.splat(ratio)
  const low = i16x8.extend_low_i8x16_s(integers)
  const high = i16x8.extend_high_i8x16_s(integers)
  return i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(
      scaledLanes(i32x4.extend_low_i16x8_s(low), ratios),
      scaledLanes(i32x4.extend_high_i16x8_s(low), ratios),
    ),
    i16x8.narrow_i32x4_s(
      scaledLanes(i32x4.extend_low_i16x8_s(high), ratios),
      scaledLanes(i32x4.extend_high_i16x8_s(high), ratios),
    ),
  )
}

/** codes int8 [blocks, size], ratios float32 [blocks] -> target uint8 [blocks, size], code * ratio + 128. */
export function scaleCodes(blocks: usize, size: usize, codes: usize, ratios: usize, target: usize): void {
  for (let block: usize = 0; block < blocks; block++) {
    const ratio = load<f32>(ratios + 4 * block)
    for (let i: usize = 0; i < size; i += 16) {
      v128.store(target + i, flipped(scaled(v128.load(codes + i), ratio)))
    }
    codes += size
    target += size
  }
}
