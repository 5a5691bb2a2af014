import { ConfigError, type DefinedConfig, type JsonObject, oneOf } from '@hfquant/core'
import { bitsandbytes } from './bitsandbytes.js'
import { type BitsAndBytesSettings, formatSettings, readSettings } from './settings.js'

export type BitsAndBytesOptions = Partial<Omit<BitsAndBytesSettings, 'others'>>

/**
 * `quantization_config` of a bitsandbytes model. Options left out have the defaults of the Python class: with
 * `loadIn4bit` alone FP4, without double quantization.
 *
 * @throws ConfigError for an option that does not exist or does not fit, and when both load flags are set.
 */
export class BitsAndBytesConfig implements DefinedConfig<BitsAndBytesSettings> {
  readonly quantMethod = 'bitsandbytes'
  readonly backend = bitsandbytes
  readonly explicitKeys: ReadonlySet<string>
  readonly value: BitsAndBytesSettings

  constructor(options: BitsAndBytesOptions = {}) {
    const set = Object.entries(options).filter(([, value]) => value !== undefined)
    for (const [option, value] of set) {
      if (Object.hasOwn(KEYS, option) || Object.hasOwn(OWN_OPTIONS, option)) continue
      const known = [...Object.keys(KEYS), ...Object.keys(OWN_OPTIONS)]
      throw new ConfigError('OPTION_UNKNOWN', `BitsAndBytesConfig has no option "${option}"`, {
        field: option,
        found: value,
        expected: known,
        hint: `The options are ${known.join(', ')}.`,
      })
    }
    const fields = set.filter(([option]) => Object.hasOwn(KEYS, option))
    const json = Object.fromEntries(
      fields.map(([option, value]) => [KEYS[option as keyof typeof KEYS], value]),
    )
    this.explicitKeys = new Set(Object.keys(json))
    this.value = {
      ...readSettings(json),
      ...(options.replaceDefaults === undefined ? {} : { replaceDefaults: options.replaceDefaults }),
      ...(options.profile === undefined
        ? {}
        : { profile: oneOf(options.profile, ['cpu', 'cuda'], 'profile') }),
    }
  }

  /** 'llm_int8', 'nf4', 'fp4', or undefined without a load flag. */
  quantizationMethod(): 'llm_int8' | 'nf4' | 'fp4' | undefined {
    const { loadIn8bit, loadIn4bit, bnb4bitQuantType } = this.value
    return loadIn8bit ? 'llm_int8' : loadIn4bit ? bnb4bitQuantType : undefined
  }

  isQuantizable(): boolean {
    return this.quantizationMethod() !== undefined
  }

  toDict(): JsonObject {
    return { ...formatSettings(this.value), quant_method: this.quantMethod }
  }
}

/** Key in config.json by option. */
const KEYS = {
  loadIn4bit: 'load_in_4bit',
  loadIn8bit: 'load_in_8bit',
  bnb4bitQuantType: 'bnb_4bit_quant_type',
  bnb4bitUseDoubleQuant: 'bnb_4bit_use_double_quant',
  bnb4bitComputeDtype: 'bnb_4bit_compute_dtype',
  bnb4bitQuantStorage: 'bnb_4bit_quant_storage',
  llmInt8Threshold: 'llm_int8_threshold',
  llmInt8SkipModules: 'llm_int8_skip_modules',
  llmInt8EnableFp32CpuOffload: 'llm_int8_enable_fp32_cpu_offload',
  llmInt8HasFp16Weight: 'llm_int8_has_fp16_weight',
} as const

/** Options that Python does not have. */
const OWN_OPTIONS = { replaceDefaults: true, profile: true }
