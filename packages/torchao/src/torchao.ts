import { type DefinedQuantizer, defineQuantizer, unknownKeysRemark } from '@hfquant/core'
import { checkpointMetadata } from './checkpoint-metadata.js'
import type { TorchAoBaseConfig } from './configs/base-config.js'
import { isOutdated, leavesOf } from './configs/config-classes.js'
import { FqnToConfig } from './configs/fqn-to-config.js'
import { CONVERTED, torchaoObjects } from './objects/flatten-objects.js'
import { recoverConfig } from './recover-config.js'
import { formatSettings, readSettings, type TorchAoSettings } from './settings.js'
import { currentName, storedFormat } from './tensors/stored-format.js'

/** `quant_method` "torchao": quantizes weights while they load, in the safetensors layout of torchao 0.15 and later; reads that of 0.14, too. */
export const torchao: DefinedQuantizer<TorchAoSettings> = defineQuantizer<TorchAoSettings>({
  specVersion: 2,
  revision: 2,
  quantMethod: 'torchao',
  config: {
    parse: readSettings,
    format: formatSettings,
    label: ({ quantType }) => quantType.className,
    recipe: ['quant_type'],
    withHead: (settings) => ({
      ...settings,
      modulesToNotConvert: settings.modulesToNotConvert ?? [],
      replaceDefaults: true,
    }),
    warnings: ({ quantType, others }) => [
      ...new Set(leavesOf(quantType).flatMap(remarksOn)),
      ...unknownKeysRemark(others),
    ],
  },
  select: (settings) => {
    const { modulesToNotConvert, replaceDefaults, quantType } = settings
    const isNamed = (path: string) => quantType instanceof FqnToConfig && quantType.names(path)
    return {
      keep: modulesToNotConvert ?? undefined,
      replaceDefaults,
      embeddings: settings.includeInputOutputEmbeddings || isNamed,
      untie: settings.untieEmbeddingWeights,
      record: ({ kept, isDefault }) => (isDefault ? settings : { ...settings, modulesToNotConvert: kept }),
    }
  },
  formatFor(weight, { quantType }, context) {
    if (!context.preQuantized) return quantType.formatFor(weight)
    const config = quantType instanceof FqnToConfig ? quantType.configFor(weight) : quantType
    return storedFormat(weight, config, context)
  },
  files: {
    name: currentName,
    objects: torchaoObjects,
    metadata: checkpointMetadata,
    recover: (headers) => recoverConfig(headers)?.value,
    // Tensors of version 1 are saved as those of version 2, which a config of version 1 does not describe.
    rewrite(settings, headers) {
      const recovered = headers.metadata[CONVERTED] === undefined ? undefined : recoverConfig(headers)
      if (recovered !== undefined) return { ...settings, quantType: recovered.value.quantType }
      return settings.isLegacy ? settings : undefined
    },
  },
})

const remarksOn = (config: TorchAoBaseConfig): readonly string[] => [
  ...(isOutdated(config)
    ? [
        `the config is ${config.className} of version ${config.version}, which torchao has replaced; kept as it is`,
      ]
    : []),
  ...(config.remark === undefined ? [] : [`${config.className}: ${config.remark}`]),
]
