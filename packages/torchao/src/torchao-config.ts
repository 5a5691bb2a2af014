import { type JsonObject, OptionsConfig, readBoolean } from '@hfquant/core'
import type { TorchAoBaseConfig } from './configs/base-config.js'
import { wrong } from './encoding/decode.js'
import { readPlainSettings, type TorchAoSettings } from './settings.js'
import { torchao } from './torchao.js'

export interface TorchAoConfigOptions {
  /** How weights are quantized: `new Int8WeightOnlyConfig()`. */
  readonly quantType: TorchAoBaseConfig
  /** Modules that stay in float, in addition to the default ones. */
  readonly modulesToNotConvert?: readonly string[]
  /** True: `modulesToNotConvert` replaces the default skip list, which keeps the output projection and tied weights. */
  readonly replaceDefaults?: boolean
  /** Quantizes embeddings as well, unless the skip list names them. */
  readonly includeInputOutputEmbeddings?: boolean
  /** Gives a tied output projection a weight of its own first; config.json then says `tie_word_embeddings: false`. */
  readonly untieEmbeddingWeights?: boolean
}

/**
 * `quantization_config` of a torchao model.
 *
 * @throws ConfigError when `quantType` is not a config instance, and for an option that does not exist or does not fit.
 */
export class TorchAoConfig extends OptionsConfig<TorchAoConfigOptions, TorchAoSettings> {
  constructor(options: TorchAoConfigOptions) {
    super({ name: 'TorchAoConfig', backend: torchao, keys: KEYS, read: readOptions }, options)
  }
}

/** Key in config.json by option. */
const KEYS = {
  quantType: 'quant_type',
  modulesToNotConvert: 'modules_to_not_convert',
  replaceDefaults: null,
  includeInputOutputEmbeddings: 'include_input_output_embeddings',
  untieEmbeddingWeights: 'untie_embedding_weights',
}

function readOptions(json: JsonObject, others: JsonObject): TorchAoSettings {
  const { quant_type: quantType, ...plain } = json
  if (typeof (quantType as Partial<TorchAoBaseConfig> | undefined)?.encoded !== 'function') {
    throw wrong('FIELD_TYPE', 'quantType', quantType, 'a config instance, such as new Int8WeightOnlyConfig()')
  }
  return {
    ...readPlainSettings(plain),
    quantType: quantType as TorchAoBaseConfig,
    isLegacy: false,
    replaceDefaults: readBoolean(others, 'replaceDefaults', false),
  }
}
