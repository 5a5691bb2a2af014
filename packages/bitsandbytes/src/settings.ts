import {
  ConfigError,
  type FloatDtype,
  type JsonObject,
  oneOf,
  PythonFloat,
  parseFloatDtype,
  readBoolean,
  readNumber,
  readString,
  readStrings,
  unknownEntries,
} from '@hfquant/core'
import type { BnbProfile, FourBitType } from '@hfquant/kernels'

/** Dtypes that packed bytes may be stored as; the bytes do not change. */
export const STORAGE_DTYPES = ['uint8', 'int8', 'float16', 'bfloat16', 'float32', 'float64'] as const
export type StorageDtype = (typeof STORAGE_DTYPES)[number]

/** `quantization_config` of a bitsandbytes model, as the backend works with it. */
export interface BitsAndBytesSettings {
  readonly loadIn4bit: boolean
  readonly loadIn8bit: boolean
  readonly bnb4bitQuantType: FourBitType
  readonly bnb4bitUseDoubleQuant: boolean
  /** Kept for Python; everything is computed in float32 here. */
  readonly bnb4bitComputeDtype: FloatDtype
  readonly bnb4bitQuantStorage: StorageDtype
  /** Activations of this magnitude and above are multiplied in float; 0 turns that off. */
  readonly llmInt8Threshold: number
  /** null: the default skip list alone. */
  readonly llmInt8SkipModules: readonly string[] | null
  /** True when `llmInt8SkipModules` replaces the default skip list. Not part of config.json. */
  readonly replaceDefaults: boolean
  /** Kept for Python; there is one device here. */
  readonly llmInt8EnableFp32CpuOffload: boolean
  readonly llmInt8HasFp16Weight: boolean
  /** Entries of a block that was read whose keys are not known. */
  readonly others: JsonObject
  /** Whose bytes are made: those of the Python library on a CPU, or on a GPU. Not part of config.json. */
  readonly profile: BnbProfile
}

const KNOWN_KEYS = [
  'quant_method',
  '_load_in_4bit',
  '_load_in_8bit',
  'bnb_4bit_compute_dtype',
  'bnb_4bit_quant_storage',
  'bnb_4bit_quant_type',
  'bnb_4bit_use_double_quant',
  'llm_int8_enable_fp32_cpu_offload',
  'llm_int8_has_fp16_weight',
  'llm_int8_skip_modules',
  'llm_int8_threshold',
  'load_in_4bit',
  'load_in_8bit',
]

/** True for the block of a float model that was trained with quantization switched off; transformers skips it, too. */
export const isSwitchedOff = ({ load_in_4bit: four, load_in_8bit: eight }: JsonObject): boolean =>
  [four, eight].every((flag) => flag === undefined || flag === null || flag === false)

/** @throws ConfigError that names the field. Keys that the library does not have are kept, without effect. */
export function readSettings(json: JsonObject): BitsAndBytesSettings {
  if (json.quant_method != null) oneOf(json.quant_method, ['bitsandbytes'], 'quant_method')
  const settings: BitsAndBytesSettings = {
    loadIn4bit: readBoolean(json, 'load_in_4bit', false),
    loadIn8bit: readBoolean(json, 'load_in_8bit', false),
    bnb4bitQuantType: oneOf(
      readString(json, 'bnb_4bit_quant_type', 'fp4'),
      ['fp4', 'nf4'],
      'bnb_4bit_quant_type',
    ),
    bnb4bitUseDoubleQuant: readBoolean(json, 'bnb_4bit_use_double_quant', false),
    bnb4bitComputeDtype: parseFloatDtype(json.bnb_4bit_compute_dtype ?? 'float32', 'bnb_4bit_compute_dtype'),
    bnb4bitQuantStorage: oneOf(
      readString(json, 'bnb_4bit_quant_storage', 'uint8').replace(/^torch\./, ''),
      STORAGE_DTYPES,
      'bnb_4bit_quant_storage',
    ),
    llmInt8Threshold: readNumber(
      { ...json, llm_int8_threshold: plainNumber(json.llm_int8_threshold) },
      'llm_int8_threshold',
      6,
    ),
    llmInt8SkipModules: readStrings(json, 'llm_int8_skip_modules', undefined) ?? null,
    replaceDefaults: false,
    llmInt8EnableFp32CpuOffload: readBoolean(json, 'llm_int8_enable_fp32_cpu_offload', false),
    llmInt8HasFp16Weight: readBoolean(json, 'llm_int8_has_fp16_weight', false),
    others: unknownEntries(json, KNOWN_KEYS),
    profile: 'cpu',
  }
  checkFlags(settings)
  return settings
}

/** The block without `quant_method`: every key, as Python writes it, the private ones included. */
export const formatSettings = (settings: BitsAndBytesSettings): JsonObject => ({
  ...settings.others,
  _load_in_4bit: settings.loadIn4bit,
  _load_in_8bit: settings.loadIn8bit,
  bnb_4bit_compute_dtype: settings.bnb4bitComputeDtype,
  bnb_4bit_quant_storage: settings.bnb4bitQuantStorage,
  bnb_4bit_quant_type: settings.bnb4bitQuantType,
  bnb_4bit_use_double_quant: settings.bnb4bitUseDoubleQuant,
  llm_int8_enable_fp32_cpu_offload: settings.llmInt8EnableFp32CpuOffload,
  llm_int8_has_fp16_weight: settings.llmInt8HasFp16Weight,
  llm_int8_skip_modules: settings.llmInt8SkipModules,
  // Python refuses an integer here.
  llm_int8_threshold: new PythonFloat(settings.llmInt8Threshold),
  load_in_4bit: settings.loadIn4bit,
  load_in_8bit: settings.loadIn8bit,
})

/** @throws ConfigError LOAD_FLAGS_CONFLICT when both flags are set. */
function checkFlags({ loadIn4bit, loadIn8bit }: BitsAndBytesSettings): void {
  if (!loadIn4bit || !loadIn8bit) return
  throw new ConfigError(
    'LOAD_FLAGS_CONFLICT',
    'load_in_4bit and load_in_8bit are both true, expected one of them',
    {
      field: 'load_in_4bit',
      found: true,
      hint: 'Choose 4 or 8 bits; a checkpoint that is quantized already needs neither.',
    },
  )
}

/** @throws ConfigError LOAD_FLAGS_MISSING when neither flag is set: upstream guesses 4 bits then. */
export function requireFlag({ loadIn4bit, loadIn8bit }: BitsAndBytesSettings): void {
  if (loadIn4bit || loadIn8bit) return
  throw new ConfigError(
    'LOAD_FLAGS_MISSING',
    'neither load_in_4bit nor load_in_8bit is true, expected one of them',
    { field: 'load_in_4bit', found: false, hint: 'Set loadIn4bit or loadIn8bit.' },
  )
}

const plainNumber = (value: unknown): unknown => (value instanceof PythonFloat ? value.value : value)
