import type { CalibrationData } from '@hfquant/calibrate'
import { type JsonObject, OptionsConfig } from '@hfquant/core'
import { awq } from '../awq.js'
import { checkSettings, readSettings } from './read-settings.js'
import type { AwqSettings } from './settings.js'

export interface AwqConfigOptions {
  /** What to calibrate with; never saved. Not needed to load a quantized model, or with `method: 'rtn'`. */
  readonly dataset?: CalibrationData
  /** 'rtn': round to the nearest on the same grid, while streaming and without calibration. Default 'awq'. */
  readonly method?: 'awq' | 'rtn'
  /** Input channels that share a scale; -1: all of them. Default 128. */
  readonly groupSize?: number
  /** Module paths that stay in float, in addition to the output projection. */
  readonly modulesToNotConvert?: readonly string[]
  /** Bounds weights where their outputs get better by it. Default: for groups of 128 and more; smaller ones lose by it. */
  readonly clip?: boolean
  /** Rounds as AutoAWQ, where a group of one sign far from 0 saturates. Default false. */
  readonly referenceRange?: boolean
  /** Sequences at most; default 128. */
  readonly samples?: number
  /** Tokens of a sequence; default 512. */
  readonly sequenceLength?: number
  /** Bytes of hidden states kept in memory; default 64 MiB. */
  readonly maxHiddenBytes?: number
}

/**
 * `quantization_config` of an AWQ model.
 *
 * @throws ConfigError that names the field.
 */
export class AwqConfig extends OptionsConfig<AwqConfigOptions, AwqSettings> {
  constructor(options: AwqConfigOptions = {}) {
    super({ name: 'AwqConfig', backend: awq, keys: KEYS, read: readOptions }, options)
  }
}

const readOptions = (json: JsonObject, others: JsonObject): AwqSettings =>
  checkSettings({ ...readSettings(json), ...others })

/** Key in config.json by option. */
const KEYS = {
  dataset: null,
  method: null,
  groupSize: 'group_size',
  modulesToNotConvert: 'modules_to_not_convert',
  clip: null,
  referenceRange: null,
  samples: null,
  sequenceLength: null,
  maxHiddenBytes: null,
}
