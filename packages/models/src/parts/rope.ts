/** Rotary position embedding of a kind of layer. */
export interface Rope {
  /** Channels of a head that turn, its first ones. */
  readonly width: number
  /** Which channels turn together: the two halves of the width (`half`), or neighbours (`pairs`). */
  readonly order: 'half' | 'pairs'
  readonly theta: number
  readonly scaling: RopeScaling
}

/** How frequencies are stretched beyond the trained length. Names are those of `rope_type`. */
export type RopeScaling =
  | { readonly type: 'default' }
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'llama3'
      readonly factor: number
      readonly lowFreqFactor: number
      readonly highFreqFactor: number
      readonly originalMaxPositions: number
    }
  | {
      readonly type: 'yarn'
      readonly factor: number
      readonly betaFast: number
      readonly betaSlow: number
      readonly truncate: boolean
      readonly originalMaxPositions: number
      /** Cosines and sines are multiplied with it. */
      readonly amplitude: number
    }
  | {
      readonly type: 'longrope'
      /** Divisors of the frequencies for sequences of up to `originalMaxPositions` tokens. */
      readonly shortFactor: readonly number[]
      /** The same for longer ones, at all of their positions. */
      readonly longFactor: readonly number[]
      readonly originalMaxPositions: number
      readonly amplitude: number
    }
  /** The first `turning` of the pairs turn, with frequencies of the whole head. */
  | { readonly type: 'proportional'; readonly turning: number; readonly factor: number }

export interface RopeFrequencies {
  /** [width / 2], in radians per position. */
  readonly frequencies: Float32Array
  readonly amplitude: number
}

/**
 * The formulas of transformers' `modeling_rope_utils`, rounded to float32 where PyTorch rounds, so that angles agree at
 * large positions.
 *
 * @param long for longrope: whether the sequence is longer than `originalMaxPositions`.
 */
export function ropeFrequencies({ width, theta, scaling }: Rope, long = false): RopeFrequencies {
  const plain = Float32Array.from({ length: width / 2 }, (_, index) => {
    const exponent = Math.fround((2 * index) / width)
    return 1 / Math.fround(theta ** exponent)
  })
  const scaled = (frequencies: Float32Array, amplitude = 1) => ({ frequencies, amplitude })
  switch (scaling.type) {
    case 'default':
      return scaled(plain)
    case 'linear':
      return scaled(plain.map((frequency) => frequency / scaling.factor))
    case 'llama3':
      return scaled(plain.map((frequency) => stretchedByWavelength(frequency, scaling)))
    case 'yarn':
      return scaled(yarn(plain, width, theta, scaling), scaling.amplitude)
    case 'longrope': {
      const factors = long ? scaling.longFactor : scaling.shortFactor
      return scaled(
        plain.map((frequency, index) => frequency / Math.fround(factors[index]!)),
        scaling.amplitude,
      )
    }
    case 'proportional':
      return scaled(
        plain.map((frequency, index) => (index < scaling.turning ? frequency / scaling.factor : 0)),
      )
  }
}

/** Wavelengths beyond the trained length are stretched, short ones kept, those between blended. */
function stretchedByWavelength(
  frequency: number,
  { factor, lowFreqFactor, highFreqFactor, originalMaxPositions }: Extract<RopeScaling, { type: 'llama3' }>,
): number {
  const wavelength = (2 * Math.PI) / frequency
  if (wavelength < originalMaxPositions / highFreqFactor) return frequency
  if (wavelength > originalMaxPositions / lowFreqFactor) return frequency / factor
  const smooth = (originalMaxPositions / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
  return ((1 - smooth) * frequency) / factor + smooth * frequency
}

/** Peng et al. 2023: pairs that turn often in the trained length keep their frequency, slow ones are stretched. */
function yarn(
  plain: Float32Array,
  width: number,
  theta: number,
  { factor, betaFast, betaSlow, truncate, originalMaxPositions }: Extract<RopeScaling, { type: 'yarn' }>,
): Float32Array {
  /** The pair that turns `rotations` times in the trained length. */
  const pairOf = (rotations: number) =>
    (width * Math.log(originalMaxPositions / (rotations * 2 * Math.PI))) / (2 * Math.log(theta))
  const [fast, slow] = [pairOf(betaFast), pairOf(betaSlow)]
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0)
  const high = Math.min(truncate ? Math.ceil(slow) : slow, width - 1)
  const end = high === low ? high + 0.001 : high
  return plain.map((frequency, index) => {
    const ramp = Math.min(Math.max((index - low) / (end - low), 0), 1)
    return (frequency / factor) * ramp + frequency * (1 - ramp)
  })
}

/** Yarn's amplitude for a factor: 0.1 · scale · ln(factor) + 1. */
export const yarnAmplitude = (factor: number, scale = 1): number =>
  factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1
