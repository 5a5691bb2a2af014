import {
  ConfigError,
  type JsonObject,
  oneOf,
  readObject,
  readString,
  readStrings,
  unknownEntries,
} from '@hfquant/core'
import { MAP_FILE } from './map-file.js'
import { formatModules, type ModuleMap, readModules } from './modules.js'
import { NAMED_TYPES, type NamedType } from './types.js'

/** How weights are quantized, or were. */
export interface QuantoSettings {
  readonly weights: NamedType
  readonly modulesToNotConvert: readonly string[] | undefined
  /** Undefined until a model is quantized. */
  readonly modules: ModuleMap | undefined
  /** Entries of a block that was read whose keys are not known. */
  readonly others: JsonObject
}

const KNOWN_KEYS = ['quant_method', 'weights', 'activations', 'modules_to_not_convert', MAP_FILE.key]

/**
 * Reads a QuantoConfig of transformers, or the map of a folder.
 *
 * @throws ConfigError that names the field.
 */
export function readSettings(json: JsonObject): QuantoSettings {
  if (json.quant_method != null) oneOf(json.quant_method, ['quanto'], 'quant_method')
  if (json.activations != null) throw activationsRefused(json.activations)
  const map = readObject(json, MAP_FILE.key, {})
  const modules = json[MAP_FILE.key] == null ? undefined : readModules(map)
  const weights = readString(json, 'weights', usualType(modules))
  return {
    weights: oneOf(weights, Object.keys(NAMED_TYPES) as NamedType[], 'weights'),
    modulesToNotConvert: readStrings(json, 'modules_to_not_convert', undefined),
    modules,
    others: unknownEntries(json, KNOWN_KEYS),
  }
}

/** What the first of the quantized modules has. */
function usualType(modules: ModuleMap | undefined): NamedType {
  const types = [...(modules?.values() ?? [])].map(({ weights }) => weights)
  const type = types.find((weights) => weights !== 'none')
  const names = Object.keys(NAMED_TYPES) as NamedType[]
  return names.find((name) => NAMED_TYPES[name] === type) ?? (type?.startsWith('qfloat8') ? 'float8' : 'int8')
}

export const formatSettings = ({
  others,
  weights,
  modulesToNotConvert,
  modules,
}: QuantoSettings): JsonObject => ({
  ...others,
  weights,
  activations: null,
  modules_to_not_convert: modulesToNotConvert ?? null,
  ...(modules && { [MAP_FILE.key]: formatModules(modules) }),
})

const activationsRefused = (found: unknown): ConfigError =>
  new ConfigError('FIELD_VALUE', `activations is ${JSON.stringify(found)}, expected null`, {
    ...{ field: 'activations', found, expected: null },
    hint: "Activations are rounded for each token where a recipe says so, without calibration: recipe('int8-dynamic-act-int8-weight').",
  })
