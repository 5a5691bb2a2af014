import {
  CapabilityError,
  ConfigError,
  type JsonObject,
  readBoolean,
  readNumber,
  readObject,
  readString,
} from '@hfquant/core'
import { type Rope, type RopeScaling, yarnAmplitude } from '../parts/rope.js'
import { type ConfigReader, invalidField } from './config-reader.js'
import type { LayerKind } from './read-layer-kinds.js'

/** What a family has for rope settings that a file leaves out, and how its heads turn. */
export interface RopeDefaults {
  readonly headSize: number
  readonly positions: number
  /** Default 10000. */
  readonly theta?: number | undefined
  /** Names of theta outside of the settings; default `rope_theta`. */
  readonly thetaKeys?: readonly string[] | undefined
  /** Part of the head that turns; default 1. */
  readonly partial?: number | undefined
  /** Channels that turn, where a field of its own says so. */
  readonly width?: number | undefined
  readonly order?: Rope['order'] | undefined
  /** Kind of layer, in families whose kinds have settings of their own; those of older files are for full layers. */
  readonly kind?: LayerKind | undefined
  /** What the class has where neither spelling is there. */
  readonly scaling?: JsonObject | undefined
}

/**
 * Rope settings: `rope_parameters` of transformers 5, flat or one for each kind of layer, or `rope_theta` with
 * `rope_scaling` of older files. Where both are there, `rope_scaling` counts alone, as it does in transformers.
 *
 * @throws ConfigError ROPE_SCALING naming the field; CapabilityError ROPE_SCALING_UNKNOWN.
 */
export function readRope(read: ConfigReader, defaults: RopeDefaults): Rope {
  const { headSize, order = 'half', partial = 1, thetaKeys = ['rope_theta'] } = defaults
  const settings = ropeSettings(read, defaults)
  const theta = readNumber(settings, 'rope_theta', read.number(thetaKeys, defaults.theta ?? 10000))
  const part = readNumber(
    settings,
    'partial_rotary_factor',
    read.number(['partial_rotary_factor', 'rotary_pct'], partial),
  )
  const type = ropeType(settings)
  const width = defaults.width ?? (type === 'proportional' ? headSize : Math.floor(headSize * part))
  if (!(theta > 0)) throw invalidField('rope_theta', theta, 'a positive number')
  if (width < 2 || width % 2 !== 0 || width > headSize) {
    throw invalidField('partial_rotary_factor', part, `a part of the head (${headSize}) with an even size`)
  }
  // Only the base of sequences beyond the trained length would change, and of those there are none.
  if (type === 'dynamic') return { width, order, theta, scaling: { type: 'default' } }
  const scaling = readScaling(type, settings, { read, width, part, positions: defaults.positions })
  return { width, order, theta, scaling }
}

/** The settings that count, of a kind of layer. */
export function ropeSettings(
  read: ConfigReader,
  { kind, scaling = {} }: Pick<RopeDefaults, 'kind' | 'scaling'> = {},
): JsonObject {
  const newer = readObject(read.json, 'rope_parameters', {})
  const isNested = Object.values(newer).some(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  )
  const own = isNested ? readObject(newer, kind ?? 'full_attention', {}) : newer
  const older = kind === 'sliding_attention' ? {} : readObject(read.json, 'rope_scaling', {})
  if (Object.keys(older).length > 0) return older
  const isThere = read.has('rope_parameters')
  return isThere ? own : scaling
}

export function ropeType(settings: JsonObject): string {
  const type = readString(settings, 'rope_type', readString(settings, 'type', 'default'))
  // `su` is what Phi 3 called longrope; text positions of `mrope` are those of the default.
  return type === 'su' ? 'longrope' : type === 'mrope' ? 'default' : type
}

interface ScalingContext {
  readonly read: ConfigReader
  readonly width: number
  readonly part: number
  readonly positions: number
}

const TYPES = ['default', 'dynamic', 'linear', 'llama3', 'longrope', 'proportional', 'yarn']

function readScaling(type: string, settings: JsonObject, context: ScalingContext): RopeScaling {
  const { read, positions, width, part } = context
  const invalid = (key: string, expected: string) =>
    new ConfigError(
      'ROPE_SCALING',
      `rope scaling "${type}" has ${key} ${JSON.stringify(settings[key])}, expected ${expected}`,
      { field: `rope_scaling.${key}`, found: settings[key], expected, hint: 'Correct config.json.' },
    )
  const positive = (key: string, fallback = Number.NaN): number => {
    const value = readNumber(settings, key, fallback)
    if (value > 0) return value
    throw invalid(key, 'a positive number')
  }
  const original = (fallback = positions) =>
    read.number('original_max_position_embeddings', positive('original_max_position_embeddings', fallback))
  switch (type) {
    case 'default':
      return { type }
    case 'linear':
      return { type, factor: positive('factor') }
    case 'llama3':
      return {
        type,
        factor: positive('factor'),
        lowFreqFactor: positive('low_freq_factor'),
        highFreqFactor: positive('high_freq_factor'),
        originalMaxPositions: original(),
      }
    case 'yarn': {
      const originalMaxPositions = original()
      const factor = positive('factor', positions / originalMaxPositions)
      return {
        ...{ type, factor, originalMaxPositions },
        betaFast: positive('beta_fast', 32),
        betaSlow: positive('beta_slow', 1),
        truncate: readBoolean(settings, 'truncate', true),
        amplitude: yarnFactor(settings, factor),
      }
    }
    case 'longrope': {
      const originalMaxPositions = original()
      // Rows of a table are counted by it, and its logarithm is divided by.
      if (!Number.isInteger(originalMaxPositions) || originalMaxPositions < 2) {
        throw invalidField(
          'original_max_position_embeddings',
          originalMaxPositions,
          'a whole number of at least 2',
        )
      }
      const factors = (key: string): readonly number[] => {
        const value = settings[key]
        const fits =
          Array.isArray(value) && value.length === width / 2 && value.every((item) => Number(item) > 0)
        if (fits) return value as number[]
        throw invalid(key, `a list of ${width / 2} positive numbers`)
      }
      const stretch = readNumber(settings, 'factor', positions / originalMaxPositions)
      const usual = stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(originalMaxPositions))
      return {
        ...{ type, originalMaxPositions },
        shortFactor: factors('short_factor'),
        longFactor: factors('long_factor'),
        amplitude: positive('attention_factor', usual),
      }
    }
    case 'proportional':
      return { type, turning: Math.floor((part * width) / 2), factor: positive('factor', 1) }
    default:
      throw new CapabilityError(
        'ROPE_SCALING_UNKNOWN',
        `rope scaling "${type}" is not offered, only ${TYPES.join(', ')}`,
        { field: 'rope_scaling.rope_type', found: type, expected: TYPES },
      )
  }
}

function yarnFactor(settings: JsonObject, factor: number): number {
  const given = readNumber(settings, 'attention_factor', 0)
  if (given > 0) return given
  const [scale, all] = [readNumber(settings, 'mscale', 0), readNumber(settings, 'mscale_all_dim', 0)]
  if (scale !== 0 && all !== 0) return yarnAmplitude(factor, scale) / yarnAmplitude(factor, all)
  return yarnAmplitude(factor)
}
