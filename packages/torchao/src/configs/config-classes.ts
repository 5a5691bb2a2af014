import { CapabilityError, ConfigError } from '@hfquant/core'
import { decodeFields, isJsonObject, readTag, wrong } from '../encoding/decode.js'
import type { ConfigClass, TorchAoBaseConfig } from './base-config.js'
import { FqnToConfig } from './fqn-to-config.js'
import { int4WeightOnly } from './int4-weight-only.js'
import { int8DynamicActivationInt8Weight } from './int8-dynamic-activation-int8-weight.js'
import { int8DynamicActivationIntxWeight } from './int8-dynamic-activation-intx-weight.js'
import { int8WeightOnly } from './int8-weight-only.js'
import { intxWeightOnly } from './intx-weight-only.js'
import { loadOnlyClasses } from './load-only.js'

const CLASSES: readonly ConfigClass[] = [
  int8WeightOnly,
  int8DynamicActivationInt8Weight,
  int8DynamicActivationIntxWeight,
  intxWeightOnly,
  int4WeightOnly,
  ...loadOnlyClasses,
]

const SUPPORTED: ReadonlyMap<string, ConfigClass> = new Map(CLASSES.map((known) => [known.className, known]))

/** FqnToConfig under all the names that it has had. */
const PER_MODULE = ['FqnToConfig', 'ModuleFqnToConfig', 'AOPerModuleConfig']

/** Config classes that hold tensors, or whose results do. */
const RECOGNIZED = ['Int8StaticActivationInt8WeightConfig']

/**
 * Reads `quant_type` of a `quantization_config`: `{"default": {"_type": ..., "_version": ..., "_data": {...}}}`.
 *
 * @throws ConfigError that names the field; CapabilityError QUANT_TYPE_UNSUPPORTED for a class of torchao that is not
 * offered.
 */
export function readQuantType(json: unknown): TorchAoBaseConfig {
  const field = 'quant_type'
  if (!isJsonObject(json)) {
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
  const { type, version, data } = readTag(json.default, `${field}.default`)
  if (PER_MODULE.includes(type)) return readPerModule(data, version, `${field}.default`)
  return readConfig(json.default, `${field}.default`)
}

/** @param dataField what the fields are called in messages. */
export function readConfig(json: unknown, field: string, dataField = `${field}._data`): TorchAoBaseConfig {
  const { type, version, data } = readTag(json, field)
  const known = SUPPORTED.get(type)
  if (known === undefined) {
    if (RECOGNIZED.includes(type)) throw unsupportedQuantType(field, type)
    throw wrong('TYPE_UNKNOWN', `${field}._type`, type, [...SUPPORTED.keys(), ...PER_MODULE])
  }
  if (!known.versions.includes(version)) throw unknownVersion(field, type, version, known.versions)
  return known.read(decodeFields(data, dataField), version, dataField)
}

const FIELDS = ['fqn_to_config', 'module_fqn_to_config']

function readPerModule(data: unknown, version: number, field: string): FqnToConfig {
  if (version !== 1) throw unknownVersion(field, 'FqnToConfig', version, [1])
  if (!isJsonObject(data)) throw wrong('FIELD_TYPE', `${field}._data`, data, 'an object')
  const extra = Object.keys(data).find((name) => !FIELDS.includes(name))
  if (extra !== undefined) throw wrong('FIELD_UNKNOWN', `${field}._data.${extra}`, data[extra], FIELDS)
  const read = (name: string) => {
    const map = data[name] ?? {}
    if (!isJsonObject(map)) throw wrong('FIELD_TYPE', `${field}._data.${name}`, map, 'an object of configs')
    const entries = Object.entries(map).map(([key, config]) => [
      key,
      config === null ? null : readConfig(config, `${field}._data.${name}.${key}`),
    ])
    return new FqnToConfig(Object.fromEntries(entries))
  }
  const [current, older] = FIELDS.map((name) => read(name)) as [FqnToConfig, FqnToConfig]
  if (isEmpty(older)) return current
  if (isEmpty(current)) return older
  if (sorted(current) === sorted(older)) return current
  throw new ConfigError(
    'FIELD_CONFLICT',
    `${field}._data has fqn_to_config and module_fqn_to_config, and they differ`,
    {
      field: `${field}._data.module_fqn_to_config`,
      hint: 'Leave one of the two out: they are two names of the same thing.',
    },
  )
}

const isEmpty = ({ fqnToConfig }: FqnToConfig): boolean => Object.keys(fqnToConfig).length === 0

const sorted = ({ fqnToConfig }: FqnToConfig): string =>
  JSON.stringify(
    Object.entries(fqnToConfig)
      .map(([key, config]) => [key, config?.encoded() ?? null] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )

/** True when torchao has replaced the version that a config states. */
export const isOutdated = ({ className, version }: TorchAoBaseConfig): boolean => {
  const current = SUPPORTED.get(className)?.versions.at(-1)
  return current !== undefined && version !== current
}

/** The configs that a config is made of: those of its entries, or it alone. */
export const leavesOf = (config: TorchAoBaseConfig): readonly TorchAoBaseConfig[] =>
  config instanceof FqnToConfig
    ? Object.values(config.fqnToConfig).filter((entry) => entry !== null)
    : [config]

const unknownVersion = (field: string, type: string, version: number, versions: readonly number[]) =>
  new ConfigError(
    'CONFIG_VERSION_UNKNOWN',
    `${field}._version is ${version}, expected ${versions.join(' or ')} for ${type}`,
    {
      field: `${field}._version`,
      found: version,
      expected: versions,
      hint: 'A newer torchao wrote this config; quantize the float model again.',
    },
  )

export function unsupportedQuantType(field: string, what: string): CapabilityError {
  const expected = [...SUPPORTED.keys()]
  return new CapabilityError(
    'QUANT_TYPE_UNSUPPORTED',
    `${field} is ${what}, which is not supported; supported are ${expected.join(', ')}`,
    { field, found: what, expected, hint: 'Quantize the float model with one of the supported configs.' },
  )
}
