import { OptionsConfig } from '@hfquant/core'
import { awq } from '../awq.js'
import type { AwqSettings } from './settings.js'

export interface AwqConfigOptions {
  /** 'rtn': round to the nearest on the same grid, while streaming and without calibration. */
  readonly method?: 'rtn'
  /** Input channels that share a scale; -1: all of them. Default 128. */
  readonly groupSize?: number
  /** Module paths that stay in float, in addition to the output projection. */
  readonly modulesToNotConvert?: readonly string[]
}

/**
 * `quantization_config` of an AWQ model.
 *
 * @throws ConfigError that names the field.
 */
export class AwqConfig extends OptionsConfig<AwqConfigOptions, AwqSettings> {
  constructor(options: AwqConfigOptions = {}) {
    const keys = { method: null, groupSize: 'group_size', modulesToNotConvert: 'modules_to_not_convert' }
    super({ name: 'AwqConfig', backend: awq, keys }, options)
  }
}
