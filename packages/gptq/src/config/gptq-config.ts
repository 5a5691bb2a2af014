import type { CalibrationData } from '@hfquant/calibrate'
import { type JsonObject, OptionsConfig } from '@hfquant/core'
import { gptq } from '../gptq.js'
import { checkSettings, readSettings } from './read-settings.js'
import type { GptqSettings } from './settings.js'

export interface GPTQConfigOptions {
  /** 2, 3, 4 or 8. */
  readonly bits: 2 | 3 | 4 | 8
  /** What to calibrate with; never saved. Not needed to load a quantized model, or with `method: 'rtn'`. */
  readonly dataset?: CalibrationData
  /** 'rtn': round to the nearest on the same grid, while streaming and without calibration. Default 'gptq'. */
  readonly method?: 'gptq' | 'rtn'
  /** Input channels that share a scale; -1: all of them. Default 128. */
  readonly groupSize?: number
  /** Zero point in the middle of the codes. Default true. */
  readonly sym?: boolean
  /** Quantizes columns in the order of their importance, which scatters the groups. Default false. */
  readonly descAct?: boolean
  /** The same within groups and among them, which costs nothing at run time. Default true; off with `descAct`. */
  readonly actGroupAware?: boolean
  readonly staticGroups?: boolean
  /** Between 0 and 1; default 0.1. */
  readonly dampPercent?: number
  /** Added after a failed factorization; default 0.01. */
  readonly dampAutoIncrement?: number
  /** Modules of a block one after the other, each with the inputs that the quantized earlier ones give it. Default true. */
  readonly trueSequential?: boolean
  /** Exponent of the scale search, usually 2.4; default 0, off. */
  readonly mse?: number
  /** Quantizes the output head as well: with 8 bits in groups of 32 and the scale search, unless `dynamic` names it. */
  readonly lmHead?: boolean
  /** How zero points are stored; default: "gptq" unless one of them is 0. */
  readonly format?: 'gptq' | 'gptq_v2'
  /** Rules by pattern: `{ '-:.*down_proj': {}, '.*layers\\.0\\.': { bits: 8 } }`. */
  readonly dynamic?: JsonObject
  readonly modulesInBlockToQuantize?: readonly (readonly string[])[]
  readonly fallback?: 'rtn' | 'error'
  readonly scaleRounding?: 'before' | 'after'
  readonly referenceSymmetric?: boolean
  /** Sequences at most; default 128. */
  readonly samples?: number
  /** Tokens of a sequence; default 2048, or as many as the model takes. */
  readonly sequenceLength?: number
  /** Bytes of hidden states kept in memory; default 64 MiB. */
  readonly maxHiddenBytes?: number
  readonly backend?: string
  readonly maxInputLength?: number
}

/**
 * `quantization_config` of a GPTQ model.
 *
 * @throws ConfigError that names the field.
 */
export class GPTQConfig extends OptionsConfig<GPTQConfigOptions, GptqSettings> {
  constructor(options: GPTQConfigOptions) {
    super({ name: 'GPTQConfig', backend: gptq, keys: KEYS, read: readOptions }, options)
  }
}

const readOptions = (json: JsonObject, others: JsonObject): GptqSettings =>
  checkSettings({ ...readSettings(json), ...others, source: null })

/** Key in config.json by option; what only matters while quantizing has none, and is kept in `meta`. */
const KEYS = {
  bits: 'bits',
  dataset: null,
  method: null,
  groupSize: 'group_size',
  sym: 'sym',
  descAct: 'desc_act',
  actGroupAware: null,
  staticGroups: null,
  dampPercent: null,
  dampAutoIncrement: null,
  trueSequential: null,
  mse: null,
  lmHead: 'lm_head',
  format: 'format',
  dynamic: 'dynamic',
  modulesInBlockToQuantize: 'modules_in_block_to_quantize',
  fallback: null,
  scaleRounding: null,
  referenceSymmetric: null,
  samples: null,
  sequenceLength: null,
  maxHiddenBytes: null,
  backend: 'backend',
  maxInputLength: 'max_input_length',
}
