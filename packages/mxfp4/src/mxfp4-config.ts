import { OptionsConfig } from '@hfquant/core'
import { mxfp4 } from './mxfp4.js'
import type { Mxfp4Settings } from './settings.js'

export interface Mxfp4Options {
  /** Module paths, or beginnings of them, that stay in float. */
  readonly modulesToNotConvert?: readonly string[]
}

/**
 * `quantization_config` of an MXFP4 model. Python's `dequantize` is no option: `compute: 'exact'` computes with the
 * restored weights.
 *
 * @throws ConfigError for an option that does not exist or does not fit.
 */
export class Mxfp4Config extends OptionsConfig<Mxfp4Options, Mxfp4Settings> {
  constructor(options: Mxfp4Options = {}) {
    const keys = { modulesToNotConvert: 'modules_to_not_convert' }
    super({ name: 'Mxfp4Config', backend: mxfp4, keys }, options)
  }
}
