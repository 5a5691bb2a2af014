import type { JsonObject, QuantizationConfig, QuantizerBackend } from '@hfquant/core'
import { readSettings } from './config/read-settings.js'
import { type GptqConfiguration, GptqQuantizer, toConfiguration } from './gptq-quantizer.js'

/** The backend of `quant_method` "gptq". */
export const gptq: QuantizerBackend = {
  quantMethod: 'gptq',
  loadingAttributes: ['backend', 'max_input_length'],
  parseConfig: (json: JsonObject) => toConfiguration(readSettings(json), new Set(Object.keys(json))),
  create: (config: QuantizationConfig, preQuantized: boolean) => new GptqQuantizer(own(config), preQuantized),
}

const own = (config: QuantizationConfig): GptqConfiguration =>
  'value' in config
    ? (config as GptqConfiguration)
    : toConfiguration(readSettings(config.toDict()), config.explicitKeys)
