import { OptionsConfig } from '@hfquant/core'
import { fp8 } from './fp8.js'
import type { Float8Settings } from './settings.js'

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
export class FineGrainedFP8Config extends OptionsConfig<FineGrainedFP8Options, Float8Settings> {
  constructor(options: FineGrainedFP8Options = {}) {
    super({ name: 'FineGrainedFP8Config', backend: fp8, keys: KEYS }, options)
  }
}

const KEYS = {
  weightBlockSize: 'weight_block_size',
  modulesToNotConvert: 'modules_to_not_convert',
}
