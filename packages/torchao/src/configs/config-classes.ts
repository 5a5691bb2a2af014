import { CapabilityError, ConfigError } from '@hfquant/core'
import { decodeFields, readTag, wrong } from '../encoding/decode.js'
import type { ConfigClass, TorchAoBaseConfig } from './base-config.js'
import { int8DynamicActivationIntxWeight } from './int8-dynamic-activation-intx-weight.js'
import { int8WeightOnly } from './int8-weight-only.js'

const SUPPORTED: ReadonlyMap<string, ConfigClass> = new Map(
  [int8WeightOnly, int8DynamicActivationIntxWeight].map((known) => [known.className, known]),
)

/** Config classes and strings of torchao that are not read here. */
const RECOGNIZED = [
  'Int8DynamicActivationInt8WeightConfig',
  'Int8StaticActivationInt8WeightConfig',
  'Int8DynamicActivationInt4WeightConfig',
  'IntxWeightOnlyConfig',
  'Int4WeightOnlyConfig',
  'Float8WeightOnlyConfig',
  'Float8DynamicActivationFloat8WeightConfig',
  'Float8DynamicActivationInt4WeightConfig',
  'FqnToConfig',
  'ModuleFqnToConfig',
  'AOPerModuleConfig',
]

const LEGACY_STRINGS = [
  'int4_weight_only',
  'int8_weight_only',
  'int8_dynamic_activation_int8_weight',
  'autoquant',
]

/**
 * Reads `quant_type` of a `quantization_config`: `{"default": {"_type": ..., "_version": ..., "_data": {...}}}`.
 *
 * @throws ConfigError that names the field; CapabilityError QUANT_TYPE_UNSUPPORTED for a class of torchao that is not
 * offered.
 */
export function readQuantType(json: unknown): TorchAoBaseConfig {
  const field = 'quant_type'
  if (typeof json === 'string' && LEGACY_STRINGS.includes(json)) throw unsupported(field, `"${json}"`)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw wrong(
      json === undefined ? 'FIELD_MISSING' : 'FIELD_TYPE',
      field,
      json,
      'an object {"default": config}',
    )
  }
  const keys = Object.keys(json)
  if (keys.length !== 1 || keys[0] !== 'default') {
    throw wrong('FIELD_VALUE', field, keys, 'an object with the one key "default"')
  }
  return readConfig((json as { default: unknown }).default, `${field}.default`)
}

function readConfig(json: unknown, field: string): TorchAoBaseConfig {
  const { type, version, data } = readTag(json, field)
  const known = SUPPORTED.get(type)
  if (known === undefined) {
    if (RECOGNIZED.includes(type)) throw unsupported(field, type)
    throw wrong('TYPE_UNKNOWN', `${field}._type`, type, [...SUPPORTED.keys()])
  }
  if (!known.versions.includes(version)) {
    throw new ConfigError(
      'CONFIG_VERSION_UNKNOWN',
      `${field}._version is ${version}, expected ${known.versions.join(' or ')} for ${type}`,
      {
        field: `${field}._version`,
        found: version,
        expected: known.versions,
        hint: 'A newer torchao wrote this config; quantize the float model again.',
      },
    )
  }
  return known.read(decodeFields(data, `${field}._data`), version, `${field}._data`)
}

/** True when torchao has replaced the version that a config states. */
export const isOutdated = ({ className, version }: TorchAoBaseConfig): boolean =>
  version !== SUPPORTED.get(className)?.versions.at(-1)

function unsupported(field: string, what: string): CapabilityError {
  const expected = [...SUPPORTED.keys()]
  return new CapabilityError(
    'QUANT_TYPE_UNSUPPORTED',
    `${field} is ${what}, which is not supported; supported are ${expected.join(', ')}`,
    { field, found: what, expected, hint: 'Quantize the float model with one of the supported configs.' },
  )
}
