import { isJsonObject, wrong } from '../encoding/decode.js'
import type { TorchAoBaseConfig } from './base-config.js'
import { readConfig, unsupportedQuantType } from './config-classes.js'
import { perGroup } from './granularity.js'
import { Int4WeightOnlyConfig } from './int4-weight-only.js'
import { Int8DynamicActivationInt8WeightConfig } from './int8-dynamic-activation-int8-weight.js'
import { Int8DynamicActivationIntxWeightConfig } from './int8-dynamic-activation-intx-weight.js'
import { Int8WeightOnlyConfig } from './int8-weight-only.js'
import { notQuantizable } from './not-quantizable.js'

/** `quant_type` of transformers 4: a name, beside the arguments of the config in `quant_type_kwargs`. */
const LEGACY: ReadonlyMap<string, string> = new Map([
  ['int4_weight_only', 'Int4WeightOnlyConfig'],
  ['int8_weight_only', 'Int8WeightOnlyConfig'],
  ['int8_dynamic_activation_int8_weight', 'Int8DynamicActivationInt8WeightConfig'],
])

/**
 * Reads a `quant_type` that is a name, as version 1 of the config of that name. Such blocks are read, never written.
 *
 * @throws ConfigError for an unknown name or argument; CapabilityError for "autoquant", which chooses by measuring the
 * machine that it runs on.
 */
export function readLegacyQuantType(
  name: string,
  kwargs: { readonly [key: string]: unknown },
): TorchAoBaseConfig {
  const type = LEGACY.get(name)
  if (type === undefined) {
    if (name === 'autoquant') throw unsupportedQuantType('quant_type', '"autoquant"')
    throw wrong('FIELD_VALUE', 'quant_type', name, [...LEGACY.keys()])
  }
  const data = Object.fromEntries(
    Object.entries(kwargs).map(([key, value]) => [key, key === 'layout' ? readLayout(value) : value]),
  )
  return readConfig({ _type: type, _version: 1, _data: data }, 'quant_type', 'quant_type_kwargs')
}

/** `["Int4CPULayout", {}]` -> the encoding that newer files have. */
function readLayout(value: unknown): unknown {
  if (value === null) return null
  const [type, fields, ...rest] = Array.isArray(value) ? (value as unknown[]) : []
  if (typeof type === 'string' && isJsonObject(fields) && rest.length === 0) {
    return { _type: type, _version: 1, _data: fields }
  }
  throw wrong('FIELD_TYPE', 'quant_type_kwargs.layout', value, 'a list of class name and fields')
}

/** Short names that users know from diffusers. */
const ALIASES: Readonly<Record<string, () => TorchAoBaseConfig>> = {
  int8wo: () => new Int8WeightOnlyConfig(),
  int8dq: () => new Int8DynamicActivationInt8WeightConfig(),
  int4wo: () => new Int4WeightOnlyConfig(),
  int4dq: () =>
    new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int4', weightGranularity: perGroup(32) }),
  float8wo: () => refuseFloat8('float8wo', 'int8wo'),
  float8dq: () => refuseFloat8('float8dq', 'int8dq'),
}

/**
 * The config that a short name stands for: int8wo, int8dq, int4wo, int4dq. For what users type; files never hold it.
 *
 * @throws ConfigError for an unknown name; CapabilityError for float8wo and float8dq.
 */
export function configFromAlias(name: string): TorchAoBaseConfig {
  const make = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined
  if (make === undefined) throw wrong('FIELD_VALUE', 'quant_type', name, Object.keys(ALIASES))
  return make()
}

function refuseFloat8(name: string, instead: string): never {
  throw notQuantizable(`${name} (float8 needs an accelerator)`, 'an integer config', `Use ${instead}.`)
}
