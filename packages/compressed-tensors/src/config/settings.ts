import {
  CapabilityError,
  type JsonObject,
  readBoolean,
  readNumber,
  readObject,
  readString,
  readStrings,
  unknownEntries,
} from '@hfquant/core'
import { boundPatterns } from './bound-patterns.js'
import { type CompressionFormat, checkFormat } from './compression-format.js'
import { wrongValue } from './field-errors.js'
import { formatOfFile, formatScheme, readGroups, type Scheme } from './scheme.js'

/** `quantization_config` of a compressed-tensors model. */
export interface CompressedTensorsSettings {
  readonly groups: readonly Scheme[]
  /** Modules that stay in float: paths, or patterns behind "re:" that match from the start of a path. */
  readonly ignore: readonly string[] | undefined
  readonly format: CompressionFormat
  readonly quantizationStatus: string
  /** How servers quantize keys and values; here they are not. */
  readonly kvCacheScheme: JsonObject | null
  /** Entries without effect here whose keys are known, as they were read. */
  readonly carried: JsonObject
  /** Entries whose keys are not known. */
  readonly others: JsonObject
}

/** The release of the library whose files are the model of what is written here. */
const VERSION = '0.12.2'

/**
 * Reads the block, also where older releases put it inside another one.
 *
 * @throws ConfigError that names the field; CapabilityError FORMAT_UNSUPPORTED for sparse weights and for rotations.
 */
export function readSettings(block: JsonObject): CompressedTensorsSettings {
  const json = flatten(block)
  if (json.quant_method != null && json.quant_method !== METHOD)
    throw wrongValue('quant_method', json.quant_method, METHOD)
  if (json.config_groups == null) {
    throw wrongValue('config_groups', json.config_groups, 'groups of modules and their schemes')
  }
  refuseTransformations(json)
  const groups = readGroups(json)
  const ignore = json.ignore == null ? undefined : readStrings(json, 'ignore', [])
  boundPatterns('ignore', ignore ?? [])
  return {
    groups,
    ignore,
    format: checkFormat(json, formatOfFile(groups)),
    quantizationStatus: readString(json, 'quantization_status', 'initialized'),
    kvCacheScheme: json.kv_cache_scheme == null ? null : readObject(json, 'kv_cache_scheme', {}),
    carried: readCarried(json),
    others: unknownEntries(json, KNOWN),
  }
}

/** The block with exactly the keys that Python writes, in their order, without `quant_method`. */
export const formatSettings = (settings: CompressedTensorsSettings): JsonObject => ({
  ...settings.others,
  config_groups: Object.fromEntries(settings.groups.map((scheme) => [scheme.name, formatScheme(scheme)])),
  format: settings.format,
  global_compression_ratio: null,
  ignore: settings.ignore ?? [],
  kv_cache_scheme: settings.kvCacheScheme,
  quantization_status: settings.quantizationStatus,
  sparsity_config: {},
  transform_config: {},
  version: VERSION,
  ...settings.carried,
})

export const METHOD = 'compressed-tensors'

const CARRIED = [
  'global_compression_ratio',
  'run_compressed',
  'sparsity_config',
  'transform_config',
  'version',
]

const KNOWN = [
  ...['quant_method', 'config_groups', 'format', 'ignore', 'kv_cache_scheme', 'quantization_status'],
  ...CARRIED,
]

function readCarried(json: JsonObject): JsonObject {
  readString(json, 'version', '')
  readBoolean(json, 'run_compressed', true)
  readNumber(json, 'global_compression_ratio', 1)
  return Object.fromEntries(CARRIED.filter((key) => json[key] !== undefined).map((key) => [key, json[key]]))
}

/** True for a block that says that no weight is quantized, as one of keys and values alone. */
export function isOff(block: JsonObject): boolean {
  const { config_groups: groups, format, sparsity_config: sparsity } = flatten(block)
  const isEmpty = (value: unknown) => Object.keys(value ?? {}).length === 0
  return isEmpty(groups) && isEmpty(sparsity) && (format == null || format === 'dense')
}

/** Releases before 2025 wrote the block inside one with a sparsity block beside it. */
function flatten(block: JsonObject): JsonObject {
  const { quantization_config: inner, ...outer } = block
  return inner == null ? block : { ...outer, ...readObject(block, 'quantization_config', {}) }
}

function refuseTransformations(json: JsonObject): void {
  const sparsity = readObject(json, 'sparsity_config', {})
  const isSparse = Object.keys(sparsity).length > 0 && sparsity.format !== 'dense'
  const transform = readObject(json, 'transform_config', {})
  const isRotated = Object.keys(readObject(transform, 'config_groups', transform)).length > 0
  if (!isSparse && !isRotated) return
  const [field, what] = isSparse
    ? ['sparsity_config', 'weights that are left out']
    : ['transform_config', 'rotations of activations']
  throw new CapabilityError('FORMAT_UNSUPPORTED', `${field} asks for ${what}, which is not offered`, {
    ...{ field, found: json[field], expected: {} },
    hint: 'Take a checkpoint of the same model without it.',
  })
}
