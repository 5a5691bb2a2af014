import { CapabilityError, type DefinedQuantizer, defineQuantizer, unknownKeysRemark } from '@hfquant/core'
import { findScheme, skipEntries } from './config/find-scheme.js'
import type { QuantizationArguments } from './config/quantization-arguments.js'
import type { Scheme } from './config/scheme.js'
import {
  type CompressedTensorsSettings,
  formatSettings,
  isOff,
  METHOD,
  readSettings,
} from './config/settings.js'
import { storedFormat } from './format/stored-format.js'
import { recoverSettings } from './recover-settings.js'

/** `quant_method` "compressed-tensors": the checkpoints of llm-compressor, which vLLM serves. */
export const compressedTensors: DefinedQuantizer<CompressedTensorsSettings> =
  defineQuantizer<CompressedTensorsSettings>({
    specVersion: 2,
    revision: 1,
    quantMethod: METHOD,
    config: {
      parse: readSettings,
      format: formatSettings,
      recipe: ['config_groups'],
      isOff,
      warnings: ({ others, groups }) => [
        ...unknownKeysRemark(others),
        ...groups.flatMap((scheme) => unknownKeysRemark(unknownOf(scheme))),
      ],
    },
    select: (settings) => ({
      keep: skipEntries(settings.ignore),
      embeddings: (path) => findScheme(settings.groups, [path], 'embedding') !== undefined,
    }),
    formatFor(weight, { groups }, { preQuantized, stored }) {
      if (preQuantized) return storedFormat(weight, groups, stored!)
      throw new CapabilityError('FORMAT_LOAD_ONLY', 'no scheme is made yet')
    },
    files: {
      carries: (name) => CARRIED.test(name),
      recover: recoverSettings,
    },
  })

/** Scales of keys and values, and those beside weights that are not compressed yet. */
const CARRIED = /\.([kvq]|input|output|weight)_(global_)?(scale|zero_point|g_idx)$/

/** Keys of a group that are not known, and of the arguments in it. */
function unknownOf({ others, weights, inputActivations }: Scheme) {
  const own = (args: QuantizationArguments | null) => args?.others ?? {}
  return { ...others, ...own(weights), ...own(inputActivations) }
}
