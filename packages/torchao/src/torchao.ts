import {
  defineQuantizer,
  type QuantizerBackend,
  type QuantizerDefinition,
  unknownKeysRemark,
} from '@hfquant/core'
import { checkpointMetadata } from './checkpoint-metadata.js'
import type { TorchAoBaseConfig } from './configs/base-config.js'
import { isOutdated, leavesOf } from './configs/config-classes.js'
import { FqnToConfig } from './configs/fqn-to-config.js'
import { CONVERTED, torchaoObjects } from './objects/flatten-objects.js'
import { recoverConfig } from './recover-config.js'
import { formatSettings, readSettings, type TorchAoSettings } from './settings.js'
import { currentName, storedFormat } from './tensors/stored-format.js'

/** The backend of `quant_method` "torchao". */
export interface TorchAoBackend extends QuantizerBackend {
  readonly definition: QuantizerDefinition<TorchAoSettings>
}

/** Quantizes weights while they load, in the safetensors layout of torchao 0.15 and later; reads that of 0.14, too. */
export const torchao: TorchAoBackend = defineQuantizer<TorchAoSettings>({
  specVersion: 1,
  revision: 1,
  quantMethod: 'torchao',
  parseConfig: readSettings,
  formatConfig: formatSettings,
  label: ({ quantType }) => quantType.className,
  warnings: ({ quantType, others }) => [
    ...new Set(leavesOf(quantType).flatMap(remarksOn)),
    ...unknownKeysRemark(others),
  ],
  skipModules: ({ modulesToNotConvert }) => modulesToNotConvert ?? undefined,
  replacesDefaultSkips: ({ replaceDefaults }) => replaceDefaults,
  recipeKeys: ['quant_type'],
  withOutputProjection: (settings) => ({
    ...settings,
    modulesToNotConvert: settings.modulesToNotConvert ?? [],
    replaceDefaults: true,
  }),
  withSkipModules: (settings, resolved, isDefault) =>
    isDefault ? settings : { ...settings, modulesToNotConvert: resolved },
  includesEmbeddings: ({ includeInputOutputEmbeddings }) => includeInputOutputEmbeddings,
  namesModule: (path, { quantType }) => quantType instanceof FqnToConfig && quantType.names(path),
  untiesEmbeddings: ({ untieEmbeddingWeights }) => untieEmbeddingWeights,
  tensorName: currentName,
  rewritesConfig: ({ isLegacy }) => isLegacy,
  formatFor(weight, { quantType }, context) {
    if (!context.preQuantized) return quantType.formatFor(weight)
    const config = quantType instanceof FqnToConfig ? quantType.configFor(weight) : quantType
    return storedFormat(weight, config, context)
  },
  objects: torchaoObjects,
  // Tensors of version 1 are saved as those of version 2, which a config of version 1 does not describe.
  settleConfig(settings, headers) {
    const recovered = headers.metadata[CONVERTED] === undefined ? undefined : recoverConfig(headers)
    return recovered === undefined ? settings : { ...settings, quantType: recovered.value.quantType }
  },
  checkpointMetadata,
  recoverConfig: (headers) => recoverConfig(headers)?.value,
})

const remarksOn = (config: TorchAoBaseConfig): readonly string[] => [
  ...(isOutdated(config)
    ? [
        `the config is ${config.className} of version ${config.version}, which torchao has replaced; kept as it is`,
      ]
    : []),
  ...(config.remark === undefined ? [] : [`${config.className}: ${config.remark}`]),
]
