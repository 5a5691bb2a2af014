import {
  CapabilityError,
  type DefinedQuantizer,
  defineQuantizer,
  type JsonObject,
  oneOf,
  readNumber,
  readStrings,
  unknownEntries,
  unknownKeysRemark,
} from '@hfquant/core'
import { storedFormat } from './stored-format.js'

/** `quantization_config` of a model of fbgemm. */
interface FbgemmSettings {
  /** Largest scale of activations of a GPU; here they are not quantized. */
  readonly activationScaleUb: number
  readonly modulesToNotConvert: readonly string[] | undefined
  readonly others: JsonObject
}

/** `quant_method` "fbgemm_fp8": weights of eight-bit floats with a scale for each row. Read, not made. */
export const fbgemmFp8: DefinedQuantizer<FbgemmSettings> = defineQuantizer<FbgemmSettings>({
  specVersion: 2,
  revision: 1,
  quantMethod: 'fbgemm_fp8',
  config: {
    parse(json) {
      if (json.quant_method != null) oneOf(json.quant_method, ['fbgemm_fp8'], 'quant_method')
      return {
        activationScaleUb: readNumber(json, 'activation_scale_ub', 1200),
        modulesToNotConvert: readStrings(json, 'modules_to_not_convert', undefined),
        others: unknownEntries(json, ['quant_method', 'activation_scale_ub', 'modules_to_not_convert']),
      }
    },
    format: ({ others, activationScaleUb, modulesToNotConvert }) => ({
      ...others,
      activation_scale_ub: activationScaleUb,
      modules_to_not_convert: modulesToNotConvert ?? null,
    }),
    warnings: ({ others }) => unknownKeysRemark(others),
  },
  select: ({ modulesToNotConvert }) => ({ keep: modulesToNotConvert }),
  formatFor(weight, _settings, { preQuantized, stored }) {
    if (preQuantized) return storedFormat(weight, stored!, { codeDtype: 'float8_e4m3fn', block: null })
    throw new CapabilityError(
      'FORMAT_LOAD_ONLY',
      'fbgemm_fp8 can be loaded, but not made from float weights',
      {
        field: 'quant_method',
        hint: 'fp8 in blocks is made: new FineGrainedFP8Config() of @hfquant/float8.',
      },
    )
  },
  files: {
    recover({ tensors }) {
      const isScaled = [...tensors.keys()].some((name) => name.endsWith('.input_scale_ub'))
      return isScaled ? { activationScaleUb: 1200, modulesToNotConvert: undefined, others: {} } : undefined
    },
  },
})
