import {
  CapabilityError,
  defineQuantizer,
  type QuantizerBackend,
  type QuantizerDefinition,
} from '@hfquant/core'
import { checkpointMetadata } from './checkpoint-metadata.js'
import { isOutdated } from './configs/config-classes.js'
import { formatSettings, readSettings, type TorchAoSettings } from './settings.js'
import { storedFormat } from './tensors/stored-format.js'

/** The backend of `quant_method` "torchao". */
export interface TorchAoBackend extends QuantizerBackend {
  readonly definition: QuantizerDefinition<TorchAoSettings>
}

/** Quantizes linear weights while they load, in the safetensors layout of torchao 0.15 and later. */
export const torchao: TorchAoBackend = defineQuantizer<TorchAoSettings>({
  specVersion: 1,
  quantMethod: 'torchao',
  parseConfig: readSettings,
  formatConfig: formatSettings,
  warnings: ({ quantType }) =>
    isOutdated(quantType)
      ? [
          `the config is ${quantType.className} of version ${quantType.version}, which torchao has replaced; kept as it is`,
        ]
      : [],
  skipModules: ({ modulesToNotConvert }) => modulesToNotConvert ?? undefined,
  replacesDefaultSkips: ({ replaceDefaults }) => replaceDefaults,
  withSkipModules: (settings, resolved, isDefault) =>
    isDefault ? settings : { ...settings, modulesToNotConvert: resolved },
  includesEmbeddings: ({ includeInputOutputEmbeddings }) => includeInputOutputEmbeddings,
  formatFor(weight, settings, context) {
    if (context.preQuantized) return storedFormat(weight, settings.quantType, context)
    if (settings.untieEmbeddingWeights) throw untieUnsupported()
    return settings.quantType.formatFor(weight)
  },
  checkpointMetadata,
})

const untieUnsupported = () =>
  new CapabilityError(
    'UNTIE_UNSUPPORTED',
    'untie_embedding_weights is true, but a tie is never broken while quantizing',
    {
      field: 'untie_embedding_weights',
      found: true,
      expected: false,
      hint: 'Leave it out: a tied embedding and its head stay in float.',
    },
  )
