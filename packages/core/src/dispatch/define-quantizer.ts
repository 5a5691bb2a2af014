import type { JsonObject } from '../contract/json.js'
import type { CheckpointHeaders, QuantizationConfig, QuantizerDefinition } from '../contract/quantizer.js'
import { checkDefinition } from './check-definition.js'
import { FormatQuantizer } from './format-quantizer.js'
import type { QuantizerBackend } from './registry.js'

/** A backend that is also a function from options to a configuration: `rowInt8({ keepInFloat: [] })`. */
export interface DefinedQuantizer<Config> extends QuantizerBackend {
  (options?: Partial<Config>): DefinedConfig<Config>
  readonly definition: QuantizerDefinition<Config>
}

/** A configuration of a defined quantizer. `value` is what the definition's own functions work with. */
export interface DefinedConfig<Config> extends QuantizationConfig {
  readonly value: Config
}

/**
 * Makes a whole backend of a definition: configuration, dispatch, skip lists, loading of quantized and of float
 * checkpoints, saving. A method with needs of its own extends `HfQuantizer` instead.
 */
export function defineQuantizer<Config extends object>(
  definition: QuantizerDefinition<Config>,
): DefinedQuantizer<Config> {
  checkDefinition(definition)
  const configure = (options: Partial<Config> = {}) => {
    const defaults = definition.formatConfig(definition.parseConfig({}))
    const value = { ...definition.parseConfig({}), ...options }
    const json = definition.formatConfig(value)
    const changed = Object.keys(json).filter(
      (key) => JSON.stringify(json[key]) !== JSON.stringify(defaults[key]),
    )
    return toConfig(value, new Set(changed))
  }
  const toConfig = (value: Config, explicitKeys: ReadonlySet<string>): DefinedConfig<Config> => ({
    quantMethod: definition.quantMethod,
    explicitKeys,
    backend,
    value,
    label: definition.label?.(value),
    toDict: () => ({ ...definition.formatConfig(value), quant_method: definition.quantMethod }),
  })
  const parseConfig = (json: JsonObject) => toConfig(definition.parseConfig(json), new Set(Object.keys(json)))
  const backend: DefinedQuantizer<Config> = Object.assign(configure, {
    definition,
    quantMethod: definition.quantMethod,
    loadingAttributes: definition.loadingAttributes ?? [],
    recipeKeys: definition.recipeKeys ?? [],
    ...(definition.withOutputProjection && {
      withOutputProjection: (config: QuantizationConfig) =>
        toConfig(definition.withOutputProjection!(ownConfig(config).value), config.explicitKeys),
    }),
    parseConfig,
    ...(definition.isSwitchedOff && { isSwitchedOff: (json: JsonObject) => definition.isSwitchedOff!(json) }),
    ...(definition.objects === undefined ? {} : { objects: definition.objects }),
    recoverConfig(headers: CheckpointHeaders) {
      const recovered = definition.recoverConfig?.(headers)
      return recovered === undefined ? undefined : toConfig(recovered, new Set())
    },
    create: (config: QuantizationConfig, preQuantized: boolean) =>
      new FormatQuantizer(definition, ownConfig(config), preQuantized, toConfig),
  })
  const ownConfig = (config: QuantizationConfig): DefinedConfig<Config> =>
    'value' in config ? (config as DefinedConfig<Config>) : parseConfig(config.toDict())
  return backend
}
