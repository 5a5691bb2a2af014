import type { QuantizerDefinition } from '../contract/definition.js'
import type { JsonObject } from '../contract/json.js'
import type { CheckpointHeaders, QuantizationConfig } from '../contract/quantizer.js'
import { checkOptions } from '../errors/check-options.js'
import { checkDefinition } from './check-definition.js'
import { type ConversionSource, convertingQuantizer } from './converting-quantizer.js'
import { FormatQuantizer } from './format-quantizer.js'
import { MethodConfig } from './method-config.js'
import type { QuantizerBackend } from './registry.js'

/** A backend that is also a function from options to a configuration: `rowInt8({ keepInFloat: [] })`. */
export interface DefinedQuantizer<Config> extends QuantizerBackend {
  /**
   * What is undefined counts as left out.
   *
   * @throws ConfigError OPTIONS_TYPE for what is no object; OPTION_UNKNOWN for an option that `config.parse({})` has no default
   * for; what `config.parse` throws for a value that it would not read.
   */
  (options?: Partial<Config>): MethodConfig<Config>
  readonly definition: QuantizerDefinition<Config>
}

/** Makes a whole backend of a definition: configuration, dispatch, skip lists, loading, calibrating, saving. */
export function defineQuantizer<Config extends object>(
  definition: QuantizerDefinition<Config>,
): DefinedQuantizer<Config> {
  checkDefinition(definition)
  const { quantMethod, config, files = {} } = definition
  const configure = (options: Partial<Config> = {}) => {
    const defaults = config.parse({})
    checkOptions(options, Object.keys(defaults), quantMethod)
    const given = Object.entries(options).filter(([, option]) => option !== undefined)
    const value: Config = { ...defaults, ...Object.fromEntries(given) }
    const [json, plain] = [config.format(value), config.format(defaults)]
    config.parse(json)
    const isChanged = (key: string) => JSON.stringify(json[key]) !== JSON.stringify(plain[key])
    return new MethodConfig(backend, value, new Set(Object.keys(json).filter(isChanged)))
  }
  const parseConfig = (json: JsonObject) =>
    new MethodConfig(backend, config.parse(json), new Set(Object.keys(json)))
  const own = (given: QuantizationConfig): MethodConfig<Config> =>
    'value' in given ? (given as MethodConfig<Config>) : parseConfig(given.toDict())
  const backend: DefinedQuantizer<Config> = Object.assign(configure, {
    definition,
    quantMethod,
    loadingAttributes: config.loading ?? [],
    recipeKeys: config.recipe ?? [],
    ...(config.file && { configFile: config.file }),
    ...(config.withHead && {
      withOutputProjection(given: QuantizationConfig) {
        const { value, explicitKeys } = own(given)
        return new MethodConfig(backend, config.withHead!(value), explicitKeys)
      },
    }),
    parseConfig,
    ...(config.isOff && { isSwitchedOff: (json: JsonObject) => config.isOff!(json) }),
    ...(files.objects && { objects: files.objects }),
    recoverConfig(headers: CheckpointHeaders) {
      const recovered = files.recover?.(headers)
      return recovered === undefined ? undefined : new MethodConfig(backend, recovered, new Set())
    },
    ...(definition.convert && {
      convert: (source: ConversionSource) => convertingQuantizer(backend, source),
    }),
    create: (given: QuantizationConfig, preQuantized: boolean) =>
      new FormatQuantizer(backend, own(given), preQuantized),
  })
  return backend
}
