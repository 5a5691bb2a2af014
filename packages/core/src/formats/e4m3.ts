import { roundHalfToEven } from '@hfquant/kernels'

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** Bits of float32 numbers: of 448, the largest of E4M3, and of 2^-6, below which it has multiples of 1 / 512. */
const LARGEST = 0x43e00000
const SMALLEST_NORMAL = 0x3c800000

/** Mantissa bits of float32 that E4M3 does not have, and the difference of the biases in its exponent. */
const DROPPED = 20
const BIAS = (127 - 7) << 3

/**
 * The code in float8_e4m3fn of the number that is nearest to a float32 one, of the even one of two; beyond 448 that of 448.
 */
export function toE4m3(value: number): number {
  float[0] = value
  const sign = (bits[0]! >>> 24) & 0x80
  const magnitude = Math.min(bits[0]! & 0x7fffffff, LARGEST)
  if (magnitude < SMALLEST_NORMAL) return sign | roundHalfToEven(Math.abs(value) * 512)
  const half = 2 ** (DROPPED - 1) - 1 + ((magnitude >>> DROPPED) & 1)
  // A mantissa that is rounded up to 8 carries into the exponent.
  return sign | (((magnitude + half) >>> DROPPED) - BIAS)
}
