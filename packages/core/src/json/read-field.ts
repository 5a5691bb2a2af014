import type { JsonObject } from '../contract/json.js'
import { ConfigError } from '../errors/families.js'
import { quote } from '../errors/quote.js'

/** Fields of a configuration, checked. `undefined` and null mean the default. All throw ConfigError FIELD_TYPE. */

export const readBoolean = (json: JsonObject, key: string, fallback: boolean): boolean =>
  read(json, key, fallback, 'true or false', (value) => typeof value === 'boolean')

export const readNumber = (json: JsonObject, key: string, fallback: number): number =>
  read(json, key, fallback, 'a finite number', Number.isFinite)

export const readInteger = (json: JsonObject, key: string, fallback: number): number =>
  read(json, key, fallback, 'an integer', Number.isSafeInteger)

export const readString = (json: JsonObject, key: string, fallback: string): string =>
  read(json, key, fallback, 'a string', (value) => typeof value === 'string')

export const readObject = (json: JsonObject, key: string, fallback: JsonObject): JsonObject =>
  read(json, key, fallback, 'an object', (value) => typeof value === 'object' && !Array.isArray(value))

export const readStrings = <Default extends readonly string[] | undefined>(
  json: JsonObject,
  key: string,
  fallback: Default,
): readonly string[] | Default =>
  read(
    json,
    key,
    fallback,
    'a list of strings',
    (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  )

/** @throws ConfigError FIELD_VALUE unless `value` is one of `allowed`. */
export function oneOf<Value extends string | number>(
  value: unknown,
  allowed: readonly Value[],
  key: string,
): Value {
  if (allowed.includes(value as Value)) return value as Value
  throw new ConfigError('FIELD_VALUE', `${key} is ${quote(value)}, expected one of ${allowed.join(', ')}`, {
    field: key,
    found: value,
    expected: allowed,
    hint: 'Correct the configuration.',
  })
}

function read<T>(
  json: JsonObject,
  key: string,
  fallback: T,
  expected: string,
  accepts: (value: unknown) => boolean,
): T {
  const value = Object.hasOwn(json, key) ? json[key] : undefined
  if (value === undefined || value === null) return fallback
  if (accepts(value)) return value as T
  throw new ConfigError('FIELD_TYPE', `${key} is ${quote(value)}, expected ${expected}`, {
    field: key,
    found: value,
    expected,
    hint: 'Correct the configuration.',
  })
}
