import { type DefinedQuantizer, defineQuantizer, skip, unknownKeysRemark } from '@hfquant/core'
import { madeFourBitFormat } from './four-bit/made-format.js'
import { madeInt8Format } from './int8/int8-format.js'
import { recoverSettings } from './recover-settings.js'
import {
  type BitsAndBytesSettings,
  formatSettings,
  isSwitchedOff,
  readSettings,
  requireFlag,
} from './settings.js'
import { storedFormat } from './stored-format.js'

/**
 * `quant_method` "bitsandbytes": quantizes linear weights while they load, in the arithmetic and the layout of
 * bitsandbytes 0.50.
 */
export const bitsandbytes: DefinedQuantizer<BitsAndBytesSettings> = defineQuantizer<BitsAndBytesSettings>({
  specVersion: 2,
  revision: 1,
  quantMethod: 'bitsandbytes',
  config: {
    parse: readSettings,
    format: formatSettings,
    recipe: ['load_in_4bit', 'load_in_8bit', 'bnb_4bit_quant_type', 'bnb_4bit_use_double_quant'],
    isOff: isSwitchedOff,
    check: requireFlag,
    withHead: (settings) => ({
      ...settings,
      llmInt8SkipModules: settings.llmInt8SkipModules ?? [],
      replaceDefaults: true,
    }),
    warnings: ({ others }) => unknownKeysRemark(others),
  },
  select: (settings) => ({
    keep: settings.llmInt8SkipModules ?? undefined,
    replaceDefaults: settings.replaceDefaults,
    // A list replaces the defaults in Python, so a list that added to them is saved as what became of it.
    record: ({ kept, isDefault }) => (isDefault ? settings : { ...settings, llmInt8SkipModules: kept }),
  }),
  formatFor(weight, settings, context) {
    if (context.preQuantized) return storedFormat(weight, settings, context)
    if (settings.loadIn4bit) return madeFourBitFormat(weight, settings)
    if (settings.llmInt8HasFp16Weight) return skip('llm_int8_has_fp16_weight keeps the weights in float')
    return madeInt8Format(weight, settings.llmInt8Threshold)
  },
  files: { recover: recoverSettings },
})
