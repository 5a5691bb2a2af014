import { type JsonObject, oneOf, readBoolean, readObject, readStrings, unknownEntries } from '@hfquant/core'
import type { TorchAoBaseConfig } from './configs/base-config.js'
import { readQuantType } from './configs/config-classes.js'
import { readLegacyQuantType } from './configs/names.js'
import { wrong } from './encoding/decode.js'
import { encode } from './encoding/encode.js'

/** `quantization_config` of a torchao model, as the backend works with it. */
export interface TorchAoSettings {
  readonly quantType: TorchAoBaseConfig
  /** True when `quant_type` was a name, a spelling that is read and never written. */
  readonly isLegacy: boolean
  /** null: the default skip list alone. */
  readonly modulesToNotConvert: readonly string[] | null
  /** True when `modulesToNotConvert` replaces the default skip list. Not part of config.json. */
  readonly replaceDefaults: boolean
  readonly includeInputOutputEmbeddings: boolean
  readonly untieEmbeddingWeights: boolean
  /** Entries of a block that was read whose keys are not known. */
  readonly others: JsonObject
}

const KEYS = [
  'quant_method',
  'quant_type',
  'quant_type_kwargs',
  'modules_to_not_convert',
  'include_input_output_embeddings',
  // Its name for a month, in transformers 4.52.
  'include_embedding',
  'untie_embedding_weights',
]

/**
 * Unknown keys are kept, without effect.
 *
 * @throws ConfigError that names the field; CapabilityError for a config class that is not offered.
 */
export function readSettings(json: JsonObject): TorchAoSettings {
  if (json.quant_method !== undefined) oneOf(json.quant_method, ['torchao'], 'quant_method')
  const { quant_type: quantType } = json
  const kwargs = readObject(json, 'quant_type_kwargs', {})
  if (typeof quantType !== 'string' && Object.keys(kwargs).length > 0) {
    throw wrong('FIELD_VALUE', 'quant_type_kwargs', kwargs, 'an empty object beside a config object')
  }
  return {
    quantType:
      typeof quantType === 'string' ? readLegacyQuantType(quantType, kwargs) : readQuantType(quantType),
    isLegacy: typeof quantType === 'string',
    replaceDefaults: false,
    ...readPlainSettings(json),
  }
}

/** @returns what does not depend on how weights are quantized. */
export const readPlainSettings = (
  json: JsonObject,
): Omit<TorchAoSettings, 'quantType' | 'isLegacy' | 'replaceDefaults'> => ({
  modulesToNotConvert: readStrings(json, 'modules_to_not_convert', undefined) ?? null,
  includeInputOutputEmbeddings: readBoolean(
    json,
    'include_input_output_embeddings',
    readBoolean(json, 'include_embedding', false),
  ),
  untieEmbeddingWeights: readBoolean(json, 'untie_embedding_weights', false),
  others: unknownEntries(json, KEYS),
})

/** The block without `quant_method`, as transformers 5 writes it. */
export const formatSettings = (settings: TorchAoSettings): JsonObject => ({
  quant_type: { default: encode(settings.quantType.encoded(), 'config') },
  modules_to_not_convert: settings.modulesToNotConvert,
  include_input_output_embeddings: settings.includeInputOutputEmbeddings,
  untie_embedding_weights: settings.untieEmbeddingWeights,
  ...settings.others,
})
