import type { JsonObject } from '@hfquant/core'
import { type Rope, ropeFrequencies } from '../parts/rope.js'

/** What each frequency of a rope is divided by, [width / 2]: llama.cpp stores these where a config.json has a `rope_type`. */
export function ropeDivisors(rope: Rope): Float32Array {
  const plain = ropeFrequencies({ ...rope, scaling: { type: 'default' } }).frequencies
  const { frequencies } = ropeFrequencies(rope)
  return plain.map((each, index) => each / frequencies[index]!)
}

/** All models of the kind have these. */
const LOW = 1
const HIGH = 4
/** The usual original length, for tables that have no entry between the plain and the stretched ones. */
const ORIGINAL = 8192

/**
 * The settings of `rope_type` "llama3" that give these divisors within 1e-5; undefined where none do.
 *
 * The largest divisor is the factor. One between 1 and the factor is blended by its wavelength λ: with
 * s = (original/λ − low)/(high − low) it is 1/((1 − s)/factor + s), which gives the original length.
 */
export function llama3Of(
  divisors: Float32Array,
  { width, theta }: Pick<Rope, 'width' | 'theta'>,
): JsonObject | undefined {
  const factor = divisors.reduce((most, each) => Math.max(most, each), 1)
  const plain: Rope = { width, order: 'half', theta, scaling: { type: 'default' } }
  const blended = divisors.findIndex((each) => each > 1 + MARGIN && each < factor * (1 - MARGIN))
  const original = blended < 0 ? ORIGINAL : originalOf(divisors[blended]!, factor, plain, blended)
  const scaling = {
    ...{ type: 'llama3' as const, factor, lowFreqFactor: LOW, highFreqFactor: HIGH },
    originalMaxPositions: original,
  }
  const expected = ropeDivisors({ ...plain, scaling })
  if (!divisors.every((each, index) => Math.abs(each / expected[index]! - 1) < 1e-5)) return undefined
  return {
    ...{ rope_type: 'llama3', factor, low_freq_factor: LOW, high_freq_factor: HIGH },
    original_max_position_embeddings: original,
  }
}

const MARGIN = 1e-3

function originalOf(divisor: number, factor: number, plain: Rope, index: number): number {
  const wavelength = (2 * Math.PI) / ropeFrequencies(plain).frequencies[index]!
  const smooth = (1 / divisor - 1 / factor) / (1 - 1 / factor)
  return Math.round(wavelength * (smooth * (HIGH - LOW) + LOW))
}
