import { ConfigError, type DefinedConfig, type JsonObject } from '@hfquant/core'
import { fp8 } from './fp8.js'
import { type Float8Settings, formatSettings, readSettings } from './settings.js'

export interface FineGrainedFP8Options {
  /** Rows and columns that share a scale; default 128 each. */
  readonly weightBlockSize?: readonly [rows: number, columns: number]
  /** Modules that stay in float, besides the head. */
  readonly modulesToNotConvert?: readonly string[]
}

/**
 * `quantization_config` of a model in fine-grained fp8.
 *
 * @throws ConfigError for an option that does not exist or does not fit.
 */
export class FineGrainedFP8Config implements DefinedConfig<Float8Settings> {
  readonly quantMethod = 'fp8'
  readonly backend = fp8
  readonly explicitKeys: ReadonlySet<string>
  readonly value: Float8Settings

  constructor(options: FineGrainedFP8Options = {}) {
    const set = Object.entries(options).filter(([, value]) => value !== undefined)
    const json = Object.fromEntries(set.map(([option, value]) => [keyOf(option), value]))
    this.explicitKeys = new Set(Object.keys(json))
    this.value = readSettings(json)
  }

  toDict(): JsonObject {
    return { ...formatSettings(this.value), quant_method: this.quantMethod }
  }
}

const KEYS = {
  weightBlockSize: 'weight_block_size',
  modulesToNotConvert: 'modules_to_not_convert',
} as const

function keyOf(option: string): string {
  if (Object.hasOwn(KEYS, option)) return KEYS[option as keyof typeof KEYS]
  throw new ConfigError('OPTION_UNKNOWN', `FineGrainedFP8Config has no option "${option}"`, {
    ...{ field: option, expected: Object.keys(KEYS) },
    hint: `The options are ${Object.keys(KEYS).join(' and ')}.`,
  })
}
