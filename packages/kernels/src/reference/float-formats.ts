/** The float types that weights and scales are stored in, by their PyTorch names. All little-endian. */
export type FloatDtype = 'float32' | 'bfloat16' | 'float16'

export const FLOAT_DTYPES: readonly FloatDtype[] = ['float32', 'bfloat16', 'float16']

/** Bytes of one element. */
export function floatBytes(dtype: FloatDtype): number {
  return dtype === 'float32' ? 4 : 2
}

/** `torch.finfo(dtype).eps`: the distance from 1 to the next larger number. */
export const MACHINE_EPSILON: Readonly<Record<FloatDtype, number>> = {
  float32: 2 ** -23,
  bfloat16: 2 ** -7,
  float16: 2 ** -10,
}

/** `torch.finfo(dtype).tiny`: the smallest normal number. */
export const SMALLEST_NORMAL: Readonly<Record<FloatDtype, number>> = {
  float32: 2 ** -126,
  bfloat16: 2 ** -126,
  float16: 2 ** -14,
}

/** Bits of the one NaN that kernels write where a value could not be computed. */
export const QUIET_NAN_BITS: Readonly<Record<FloatDtype, number>> = {
  float32: 0x7fc00000,
  bfloat16: 0x7fc0,
  float16: 0x7e00,
}

/** Nearest integer, ties to the even one: `rint` of C and `round` of PyTorch, not `Math.round`. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value)
  const part = value - floor
  if (part !== 0.5) return part < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

/**
 * Bits of a float32 -> bits of the nearest bfloat16, ties to even. A NaN stays a NaN with its sign and leading
 * payload bits, made quiet, as the x86 and ARM conversion instructions do.
 */
export function float32BitsToBfloat16Bits(bits: number): number {
  const high = bits >>> 16
  if ((bits & 0x7fffffff) > 0x7f800000) return high | 0x40
  return (bits + 0x7fff + (high & 1)) >>> 16
}

/** Bits of a float32 -> bits of the nearest float16, ties to even; overflow gives infinity, NaN as for bfloat16. */
export function float32BitsToFloat16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const mantissa = bits & 0x7fffff
  if (exponent === 0xff) return sign | (mantissa === 0 ? 0x7c00 : 0x7e00 | (mantissa >>> 13))
  const scaled = exponent - 112 // exponent field of the float16, 1 to 30 when the result is normal
  if (scaled >= 31) return sign | 0x7c00
  if (scaled >= 1) return sign + (scaled << 10) + shiftHalfToEven(mantissa, 13)
  if (scaled < -10) return sign // below half of the smallest subnormal
  return sign + shiftHalfToEven(mantissa | 0x800000, 14 - scaled)
}

/** Bits of a float16 -> bits of the same number as float32; a NaN becomes quiet. */
export function float16BitsToFloat32Bits(bits: number): number {
  const sign = (bits & 0x8000) << 16
  const exponent = (bits >>> 10) & 0x1f
  const mantissa = bits & 0x3ff
  if (exponent === 0x1f) return (sign | 0x7f800000 | (mantissa === 0 ? 0 : 0x400000 | (mantissa << 13))) >>> 0
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0
  return (sign | bitsOf(mantissa * 2 ** -24)) >>> 0
}

/** Nearest bfloat16 of a float32 number, as its 16 bits. (A double is rounded to float32 first.) */
export function float32ToBfloat16(value: number): number {
  return float32BitsToBfloat16Bits(bitsOf(value))
}

/** The number whose bfloat16 bits are given. */
export function bfloat16ToFloat32(bits: number): number {
  return fromBits((bits << 16) >>> 0)
}

/** Nearest float16 of a float32 number, as its 16 bits. (A double is rounded to float32 first.) */
export function float32ToFloat16(value: number): number {
  return float32BitsToFloat16Bits(bitsOf(value))
}

/** The number whose float16 bits are given. */
export function float16ToFloat32(bits: number): number {
  return fromBits(float16BitsToFloat32Bits(bits))
}

/** The nearest number of `dtype`: what PyTorch does to the result of every single operation. */
export function roundToDtype(dtype: FloatDtype, value: number): number {
  if (dtype === 'bfloat16') return bfloat16ToFloat32(float32ToBfloat16(value))
  if (dtype === 'float16') return float16ToFloat32(float32ToFloat16(value))
  return Math.fround(value)
}

const float = new Float32Array(1)
const integer = new Uint32Array(float.buffer)

function bitsOf(value: number): number {
  float[0] = value
  return integer[0]!
}

function fromBits(bits: number): number {
  integer[0] = bits
  return float[0]!
}

/** value / 2^shift, nearest, ties to even; a carry out of the mantissa is meant to raise the exponent. */
function shiftHalfToEven(value: number, shift: number): number {
  return roundHalfToEven(value / 2 ** shift)
}
