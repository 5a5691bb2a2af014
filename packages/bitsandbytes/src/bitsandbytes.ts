import {
  defineQuantizer,
  type QuantizerBackend,
  type QuantizerDefinition,
  skip,
  unknownKeysRemark,
} from '@hfquant/core'
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

/** The backend of `quant_method` "bitsandbytes". */
export interface BitsAndBytesBackend extends QuantizerBackend {
  readonly definition: QuantizerDefinition<BitsAndBytesSettings>
}

/** Quantizes linear weights while they load, in the arithmetic and the layout of bitsandbytes 0.50. */
export const bitsandbytes: BitsAndBytesBackend = defineQuantizer<BitsAndBytesSettings>({
  specVersion: 1,
  revision: 1,
  quantMethod: 'bitsandbytes',
  parseConfig: readSettings,
  formatConfig: formatSettings,
  isSwitchedOff,
  warnings: ({ others }) => unknownKeysRemark(others),
  validateEnvironment: (_environment, settings) => requireFlag(settings),
  skipModules: ({ llmInt8SkipModules }) => llmInt8SkipModules ?? undefined,
  replacesDefaultSkips: ({ replaceDefaults }) => replaceDefaults,
  recipeKeys: ['load_in_4bit', 'load_in_8bit', 'bnb_4bit_quant_type', 'bnb_4bit_use_double_quant'],
  withOutputProjection: (settings) => ({
    ...settings,
    llmInt8SkipModules: settings.llmInt8SkipModules ?? [],
    replaceDefaults: true,
  }),
  // A list replaces the defaults in Python, so a list that added to them is saved as what became of it.
  withSkipModules: (settings, resolved, isDefault) =>
    isDefault ? settings : { ...settings, llmInt8SkipModules: resolved },
  sizesDependOnValues: ({ loadIn4bit, bnb4bitUseDoubleQuant }) => loadIn4bit && bnb4bitUseDoubleQuant,
  formatFor(weight, settings, context) {
    if (context.preQuantized) return storedFormat(weight, settings, context)
    if (settings.loadIn4bit) return madeFourBitFormat(weight, settings)
    if (settings.llmInt8HasFp16Weight) return skip('llm_int8_has_fp16_weight keeps the weights in float')
    return madeInt8Format(weight, settings.llmInt8Threshold)
  },
  recoverConfig: recoverSettings,
})
