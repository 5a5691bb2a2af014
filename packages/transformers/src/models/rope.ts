import {
  CapabilityError,
  ConfigError,
  type JsonObject,
  readNumber,
  readObject,
  readString,
} from '@hfquant/core'

/** Rotary position embedding: theta, and how its frequencies are stretched beyond the trained length. */
export interface RopeConfig {
  readonly theta: number
  readonly scaling: RopeScaling
}

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

/** Reads `rope_parameters` (transformers 5) or `rope_theta` with `rope_scaling` (before). */
export function parseRope(json: JsonObject): RopeConfig {
  const parameters = { ...readObject(json, 'rope_scaling', {}), ...readObject(json, 'rope_parameters', {}) }
  const theta = readNumber(parameters, 'rope_theta', readNumber(json, 'rope_theta', 10000))
  const type = readString(parameters, 'rope_type', readString(parameters, 'type', 'default'))
  const positive = (key: string): number => {
    const value = readNumber(parameters, key, Number.NaN)
    if (value > 0) return value
    throw new ConfigError(
      'ROPE_SCALING',
      `rope scaling "${type}" has ${key} ${JSON.stringify(parameters[key])}, expected a positive number`,
      {
        field: `rope_scaling.${key}`,
        found: parameters[key],
        hint: 'Correct config.json.',
      },
    )
  }
  switch (type) {
    case 'default':
      return { theta, scaling: { type } }
    case 'linear':
      return { theta, scaling: { type, factor: positive('factor') } }
    case 'llama3':
      return {
        theta,
        scaling: {
          type,
          factor: positive('factor'),
          lowFreqFactor: positive('low_freq_factor'),
          highFreqFactor: positive('high_freq_factor'),
          originalMaxPositions: positive('original_max_position_embeddings'),
        },
      }
    default:
      throw new CapabilityError(
        'ROPE_SCALING_UNKNOWN',
        `rope scaling "${type}" is not offered, only default, linear and llama3`,
        {
          field: 'rope_scaling.rope_type',
          found: type,
          expected: ['default', 'linear', 'llama3'],
        },
      )
  }
}

/**
 * Inverse frequencies [headSize / 2], rounded to float32 where PyTorch rounds, so that angles agree at large positions.
 * llama3: wavelengths beyond the trained length are stretched, short ones kept, those between blended (the formula of
 * transformers' `_compute_llama3_parameters`).
 */
export function inverseFrequencies(headSize: number, { theta, scaling }: RopeConfig): Float32Array {
  const plain = Float32Array.from({ length: headSize / 2 }, (_, index) => {
    const exponent = Math.fround((2 * index) / headSize)
    return 1 / Math.fround(theta ** exponent)
  })
  if (scaling.type === 'default') return plain
  if (scaling.type === 'linear') return plain.map((frequency) => frequency / scaling.factor)
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling
  return plain.map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency
    if (wavelength < originalMaxPositions / highFreqFactor) return frequency
    if (wavelength > originalMaxPositions / lowFreqFactor) return frequency / factor
    const smooth = (originalMaxPositions / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
    return ((1 - smooth) * frequency) / factor + smooth * frequency
  })
}

/** Cosines or sines of every position and frequency, [positions, headSize / 2], a piece at a time. */
export async function* angleTable(
  frequencies: Float32Array,
  positions: number,
  wave: (angle: number) => number,
): AsyncGenerator<Uint8Array> {
  const rowsAtOnce = 4096
  for (let first = 0; first < positions; first += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, positions - first)
    const values = new Float32Array(rows * frequencies.length)
    for (let row = 0; row < rows; row++) {
      for (let index = 0; index < frequencies.length; index++) {
        values[row * frequencies.length + index] = wave(Math.fround((first + row) * frequencies[index]!))
      }
    }
    yield new Uint8Array(values.buffer)
  }
}
