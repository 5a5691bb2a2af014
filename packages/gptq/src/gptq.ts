import type { JsonObject, QuantizationConfig, QuantizerBackend } from '@hfquant/core'
import { readSettings } from './config/read-settings.js'
import { refuseLostConfig } from './config/refuse-lost-config.js'
import { type GptqConfiguration, GptqQuantizer, toConfiguration } from './gptq-quantizer.js'

/** The backend of `quant_method` "gptq". */
export const gptq: QuantizerBackend = {
  quantMethod: 'gptq',
  loadingAttributes: ['backend', 'max_input_length'],
  recipeKeys: ['bits', 'group_size', 'sym', 'desc_act'],
  withOutputProjection(config) {
    const { value, explicitKeys } = own(config)
    return toConfiguration({ ...value, lmHead: true }, explicitKeys)
  },
  parseConfig: (json: JsonObject) => toConfiguration(readSettings(json), new Set(Object.keys(json))),
  recoverConfig: refuseLostConfig,
  create: (config: QuantizationConfig, preQuantized: boolean) => new GptqQuantizer(own(config), preQuantized),
}

const own = (config: QuantizationConfig): GptqConfiguration =>
  'value' in config
    ? (config as GptqConfiguration)
    : toConfiguration(readSettings(config.toDict()), config.explicitKeys)
