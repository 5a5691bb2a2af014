import { roundHalfToEven } from '@hfquant/kernels'

/** The code of the nearest number in float8_e4m3fn, of the even one of two; beyond 448 that of 448. */
export function toE4m3(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x80 : 0
  const magnitude = Math.min(Math.abs(value), 448)
  if (magnitude < SMALLEST_NORMAL) return sign | roundHalfToEven(magnitude * 512)
  let exponent = Math.floor(Math.log2(magnitude))
  if (2 ** exponent > magnitude) exponent -= 1
  else if (2 ** (exponent + 1) <= magnitude) exponent += 1
  // A mantissa that is rounded up to 8 carries into the exponent.
  return sign | (((exponent + 7) << 3) + roundHalfToEven((magnitude / 2 ** exponent - 1) * 8))
}

/** Numbers below it are multiples of 1 / 512. */
const SMALLEST_NORMAL = 2 ** -6
