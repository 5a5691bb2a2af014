import { OptionsConfig, oneOf } from '@hfquant/core'
import { bitsandbytes } from './bitsandbytes.js'
import type { BitsAndBytesSettings } from './settings.js'

export type BitsAndBytesOptions = Partial<Omit<BitsAndBytesSettings, 'others'>>

/**
 * `quantization_config` of a bitsandbytes model. Options left out have the defaults of the Python class: with
 * `loadIn4bit` alone FP4, without double quantization.
 *
 * @throws ConfigError for an option that does not exist or does not fit, and when both load flags are set.
 */
export class BitsAndBytesConfig extends OptionsConfig<BitsAndBytesOptions, BitsAndBytesSettings> {
  constructor(options: BitsAndBytesOptions = {}) {
    super({ name: 'BitsAndBytesConfig', backend: bitsandbytes, keys: KEYS }, options)
    oneOf(this.value.profile, ['cpu', 'cuda'], 'profile')
  }

  /** 'llm_int8', 'nf4', 'fp4', or undefined without a load flag. */
  quantizationMethod(): 'llm_int8' | 'nf4' | 'fp4' | undefined {
    const { loadIn8bit, loadIn4bit, bnb4bitQuantType } = this.value
    return loadIn8bit ? 'llm_int8' : loadIn4bit ? bnb4bitQuantType : undefined
  }

  isQuantizable(): boolean {
    return this.quantizationMethod() !== undefined
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
  // Python does not have these.
  replaceDefaults: null,
  profile: null,
}
