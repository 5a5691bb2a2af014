import {
  ConfigError,
  type JsonObject,
  oneOf,
  readBoolean,
  readString,
  readStrings,
  unknownEntries,
} from '@hfquant/core'

/** `quantization_config` of a model in fine-grained fp8. */
export interface Float8Settings {
  /** Rows and columns of a block; null for one scale a weight. */
  readonly weightBlockSize: readonly [rows: number, columns: number] | null
  /** How servers quantize activations; here they are not. */
  readonly activationScheme: 'dynamic' | 'static'
  readonly fmt: 'e4m3' | 'e5m2'
  /** Whether scales are powers of two. */
  readonly scaleFmt: 'float' | 'ue8m0'
  readonly modulesToNotConvert: readonly string[] | undefined
  /** Python restores the weights while loading then. Without effect: `compute: 'exact'` computes with restored weights. */
  readonly dequantize: boolean
  /** Entries of a block that was read whose keys are not known. */
  readonly others: JsonObject
}

/** Names of the skip list in files of transformers, AutoFP8 and others. */
const SKIP_KEYS = ['modules_to_not_convert', 'ignored_layers', 'ignore']

/** @throws ConfigError that names the field. */
export function readSettings(json: JsonObject): Float8Settings {
  if (json.quant_method != null) oneOf(json.quant_method, ['fp8'], 'quant_method')
  const listed = SKIP_KEYS.find((key) => json[key] != null)
  return {
    weightBlockSize: readBlock(json.weight_block_size),
    activationScheme: oneOf(
      readString(json, 'activation_scheme', 'dynamic'),
      ['dynamic', 'static'],
      'activation_scheme',
    ),
    fmt: oneOf(readString(json, 'fmt', 'e4m3'), ['e4m3', 'e5m2'], 'fmt'),
    scaleFmt: oneOf(readString(json, 'scale_fmt', 'float'), ['float', 'ue8m0'], 'scale_fmt'),
    modulesToNotConvert: listed === undefined ? undefined : readStrings(json, listed, undefined),
    dequantize: readBoolean(json, 'dequantize', false),
    others: unknownEntries(json, KNOWN_KEYS),
  }
}

const KNOWN_KEYS = [
  ...['quant_method', 'weight_block_size', 'activation_scheme', 'fmt', 'scale_fmt', 'dequantize'],
  ...SKIP_KEYS,
]

function readBlock(value: unknown): readonly [number, number] | null {
  if (value === null) return null
  if (value === undefined) return [128, 128]
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) > 0
  if (Array.isArray(value) && value.length === 2 && value.every(isSize)) return [value[0], value[1]]
  throw new ConfigError(
    'FIELD_VALUE',
    `weight_block_size is ${JSON.stringify(value)}, expected two positive integers or null`,
    {
      ...{ field: 'weight_block_size', found: value, expected: 'two positive integers or null' },
      hint: 'Take config.json from the revision of the weights.',
    },
  )
}

/** The block without `quant_method`; `dequantize` only where somebody asked for it, as no file has it. */
export const formatSettings = (settings: Float8Settings): JsonObject => ({
  ...settings.others,
  activation_scheme: settings.activationScheme,
  fmt: settings.fmt,
  ...(settings.scaleFmt === 'float' ? {} : { scale_fmt: settings.scaleFmt }),
  weight_block_size: settings.weightBlockSize,
  modules_to_not_convert: settings.modulesToNotConvert ?? null,
  ...(settings.dequantize ? { dequantize: true } : {}),
})
