import { E2M1_VALUES, E8M0_BIAS } from '@hfquant/core'

/** Half way between neighbouring magnitudes. A tie goes to the even code: up where the code below is odd. */
const THRESHOLDS = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5]

/** The nearest code, of the sign of the value even where that is 0; what is beyond 6 becomes 6. */
function toE2m1(value: number): number {
  const magnitude = Math.abs(value)
  let code = 0
  while (code < THRESHOLDS.length) {
    const threshold = THRESHOLDS[code]!
    if (magnitude < threshold || (magnitude === threshold && code % 2 === 0)) break
    code += 1
  }
  return value < 0 || Object.is(value, -0) ? code | 8 : code
}

/**
 * The codes and the scale byte of a block: of the exponents that put the largest value in the last binade, or below it, the
 * one with the smaller squared error, the first of equal ones. A block of zeros has byte 0.
 */
export function encodeBlock(values: Float32Array): { readonly scale: number; readonly codes: Uint8Array } {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  if (largest === 0) return { scale: 0, codes: new Uint8Array(values.length) }
  const first = exponentOf(largest) - 2
  const [one, other] = [first, first + 1].map((exponent) => encodeAt(values, inRange(exponent)))
  const { exponent, codes } = other!.error < one!.error ? other! : one!
  return { scale: exponent + E8M0_BIAS, codes }
}

/** Scale bytes are 0 to 254; 255 is not a number. */
const inRange = (exponent: number): number => Math.min(Math.max(exponent, -E8M0_BIAS), E8M0_BIAS)

function encodeAt(values: Float32Array, exponent: number) {
  const codes = new Uint8Array(values.length)
  const step = 2 ** exponent
  let error = 0
  for (const [i, value] of values.entries()) {
    codes[i] = toE2m1(value / step)
    error += (value - E2M1_VALUES[codes[i]!]! * step) ** 2
  }
  return { exponent, codes, error }
}

/** floor(log2(value)); the logarithm alone is rounded. */
function exponentOf(value: number): number {
  const near = Math.round(Math.log2(value))
  return 2 ** near > value ? near - 1 : near
}
