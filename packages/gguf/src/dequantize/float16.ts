const float = new Float32Array(1)
const integer = new Uint32Array(float.buffer)

/** Bits of a float16 -> bits of the same number as float32; a NaN keeps its bits and becomes quiet. */
export function float16ToFloat32Bits(bits: number): number {
  const sign = (bits & 0x8000) << 16
  const exponent = (bits >>> 10) & 0x1f
  const mantissa = bits & 0x3ff
  if (exponent === 0x1f) return (sign | 0x7f800000 | (mantissa === 0 ? 0 : 0x400000 | (mantissa << 13))) >>> 0
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0
  float[0] = mantissa * 2 ** -24
  return (sign | integer[0]!) >>> 0
}

/** The float16 at a position: the step or the least value of a block. */
export function float16At(blocks: Uint8Array, at: number): number {
  integer[0] = float16ToFloat32Bits(blocks[at]! | (blocks[at + 1]! << 8))
  return float[0]!
}
