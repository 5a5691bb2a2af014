import { OptionsConfig } from '@hfquant/core'
import type { QuantoSettings } from './config/settings.js'
import type { NamedType } from './config/types.js'
import { quanto } from './quanto.js'

export interface QuantoOptions {
  /** Default 'int8'. */
  readonly weights?: NamedType
  /** Modules that stay in float, besides the head. */
  readonly modulesToNotConvert?: readonly string[]
}

/**
 * Weights as optimum-quanto makes them: int8 and float8 per row, int4 and int2 in groups of 128 or as many as divide a row.
 * Activations are none of its business: see the README.
 *
 * @throws ConfigError for an option that does not exist or does not fit.
 */
export class QuantoConfig extends OptionsConfig<QuantoOptions, QuantoSettings> {
  constructor(options: QuantoOptions = {}) {
    const keys = { weights: 'weights', modulesToNotConvert: 'modules_to_not_convert' }
    super({ name: 'QuantoConfig', backend: quanto, keys }, options)
  }
}
