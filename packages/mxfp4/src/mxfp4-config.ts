import { ConfigError, type DefinedConfig, type JsonObject } from '@hfquant/core'
import { mxfp4 } from './mxfp4.js'
import { formatSettings, type Mxfp4Settings, readSettings } from './settings.js'

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
export class Mxfp4Config implements DefinedConfig<Mxfp4Settings> {
  readonly quantMethod = 'mxfp4'
  readonly backend = mxfp4
  readonly explicitKeys: ReadonlySet<string>
  readonly value: Mxfp4Settings

  constructor(options: Mxfp4Options = {}) {
    const unknown = Object.keys(options).find((option) => option !== OPTION)
    if (unknown !== undefined) {
      throw new ConfigError('OPTION_UNKNOWN', `Mxfp4Config has no option "${unknown}"`, {
        ...{ field: unknown, expected: [OPTION] },
        hint: `The option is ${OPTION}.`,
      })
    }
    const { modulesToNotConvert: list } = options
    const json = list === undefined ? {} : { modules_to_not_convert: list }
    this.explicitKeys = new Set(Object.keys(json))
    this.value = readSettings(json)
  }

  toDict(): JsonObject {
    return { ...formatSettings(this.value), quant_method: this.quantMethod }
  }
}

const OPTION = 'modulesToNotConvert'
