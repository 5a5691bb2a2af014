import {
  ConfigError,
  type JsonObject,
  oneOf,
  readBoolean,
  readNumber,
  readObject,
  readStrings,
} from '@hfquant/core'
import { DEFAULT_LAYER, type HqqSettings, type LayerSettings, WIDTHS } from './settings.js'

/**
 * Reads `quantization_config`. Keys that the library does not have are ignored, as it does.
 *
 * @throws ConfigError that names the field, for values that the library refuses, for parameters that are quantized
 * themselves, and for arguments of the Python class in the place of its JSON.
 */
export function readSettings(json: JsonObject): HqqSettings {
  refuseArguments(json)
  // Early releases wrote the content of quant_config without its key.
  const config = json.weight_quant_params === undefined ? readObject(json, 'quant_config', {}) : json
  const skipModules = readStrings(json, 'skip_modules', undefined)
  const tags = isUniform(config) ? [] : Object.keys(config)
  const dynamic = tags.map((tag) => [tag, readLayer(readObject(config, tag, {}), tag)] as const)
  return {
    ...(dynamic.length === 0 ? readLayer(config) : DEFAULT_LAYER),
    dynamic: dynamic.length === 0 ? undefined : Object.fromEntries(dynamic),
    skipModules,
  }
}

const isUniform = (config: JsonObject): boolean =>
  config.weight_quant_params !== undefined || Object.keys(config).length === 0

/** @param tag of the layers, for messages; absent for settings of all layers. */
function readLayer(config: JsonObject, tag?: string): LayerSettings {
  return inTag(tag, () => {
    for (const key of ['scale_quant_params', 'zero_quant_params']) refuseNested(config, key)
    const params = readObject(config, 'weight_quant_params', {})
    if (!readBoolean(params, 'channel_wise', true)) {
      throw new ConfigError('FIELD_VALUE', 'channel_wise is false, expected true', {
        field: 'channel_wise',
        found: false,
        expected: true,
        hint: 'One grid for a whole tensor is not offered; quantize the model with groups.',
      })
    }
    const roundZero = params.round_zero == null ? undefined : readBoolean(params, 'round_zero', false)
    return {
      nbits: oneOf(readNumber(params, 'nbits', DEFAULT_LAYER.nbits), WIDTHS, 'nbits'),
      groupSize: readGroupSize(params),
      axis: oneOf(readNumber(params, 'axis', DEFAULT_LAYER.axis), [0, 1], 'axis'),
      optimize: readBoolean(params, 'optimize', DEFAULT_LAYER.optimize),
      roundZero,
      viewAsFloat: readBoolean(params, 'view_as_float', DEFAULT_LAYER.viewAsFloat),
    }
  })
}

/** null is a value of its own here, not the default. */
function readGroupSize(params: JsonObject): number | null {
  if (params.group_size === null) return null
  const size = readNumber(params, 'group_size', DEFAULT_LAYER.groupSize!)
  if (Number.isSafeInteger(size) && size > 0 && size % 8 === 0) return size
  throw new ConfigError('FIELD_VALUE', `group_size is ${size}, expected null or a multiple of 8`, {
    field: 'group_size',
    found: size,
    expected: 'null or a multiple of 8',
    hint: 'Choose 32, 64 or 128.',
  })
}

/** Scales and zero points that are quantized themselves: no release of this decade writes them. */
function refuseNested(config: JsonObject, key: string): void {
  if (config[key] == null) return
  throw new ConfigError('NESTED_QUANTIZATION', `${key} is set, expected null`, {
    field: key,
    found: config[key],
    expected: null,
    hint: 'Quantized scales and zero points are not read; quantize the float model again.',
  })
}

/** `{ nbits: 3 }` as in Python would quantize with the defaults without a word. */
function refuseArguments(json: JsonObject): void {
  const misplaced = ['nbits', 'group_size', 'axis', 'view_as_float', 'dynamic_config'].find(
    (key) => json[key] !== undefined,
  )
  if (misplaced === undefined) return
  throw new ConfigError('FIELD_PLACE', `${misplaced} stands at the top level of the config`, {
    field: misplaced,
    found: json[misplaced],
    expected: 'quant_config.weight_quant_params',
    hint: 'config.json keeps it in quant_config.weight_quant_params; hqq({ nbits, groupSize, … }) makes that object.',
  })
}

/** Errors about a layer's settings say which layers. */
function inTag<Result>(tag: string | undefined, read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    if (tag === undefined || !ConfigError.isInstance(error)) throw error
    const { code, message, field, found, expected, hint } = error
    throw new ConfigError(code, `quant_config of "${tag}": ${message}`, {
      ...{ field: `quant_config.${tag}.${field}`, found, expected, hint },
      cause: error,
    })
  }
}
