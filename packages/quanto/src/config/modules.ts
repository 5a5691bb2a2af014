import { ConfigError, type JsonObject, oneOf } from '@hfquant/core'
import { BYTE_TYPES, PACKED_TYPES, type WeightType } from './types.js'

/** What a module is quantized to. */
export interface ModuleTypes {
  /** 'none' for modules whose outputs alone are quantized, such as norms. */
  readonly weights: WeightType | 'none'
  readonly activations: string
}

/** Of a module whose weight is quantized. */
export interface QuantizedTypes extends ModuleTypes {
  readonly weights: WeightType
}

/** The content of quanto_qmap.json: modules by path. */
export type ModuleMap = ReadonlyMap<string, ModuleTypes>

const WEIGHT_TYPES = [...Object.keys(BYTE_TYPES), ...Object.keys(PACKED_TYPES), 'none']
const ACTIVATION_TYPES = ['none', 'qint8', 'qfloat8', 'qfloat8_e4m3fn', 'qfloat8_e5m2']

/** @throws ConfigError that names the module. */
export const readModules = (json: JsonObject): ModuleMap =>
  new Map(Object.entries(json).map(([path, entry]) => [path, readTypes(path, entry)]))

function readTypes(path: string, entry: unknown): ModuleTypes {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    const expected = '{ "weights": …, "activations": … }'
    throw new ConfigError(
      'FIELD_TYPE',
      `"${path}" of the map is ${JSON.stringify(entry)}, expected ${expected}`,
      {
        ...{ field: path, found: entry, expected },
        hint: 'quanto_qmap.json says of each module what its weights and activations are quantized to.',
      },
    )
  }
  const { weights = 'none', activations = 'none' } = entry as JsonObject
  // An alias of the library.
  const type = weights === 'qfloat8' ? 'qfloat8_e4m3fn' : weights
  oneOf(activations, ACTIVATION_TYPES, `${path}.activations`)
  return {
    weights: oneOf(type, WEIGHT_TYPES, `${path}.weights`) as ModuleTypes['weights'],
    activations: activations as string,
  }
}

export const formatModules = (modules: ModuleMap): JsonObject => Object.fromEntries(modules)
