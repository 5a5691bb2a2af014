import {
  CapabilityError,
  ConfigError,
  type JsonObject,
  readBoolean,
  readInteger,
  readNumber,
  readString,
} from '@hfquant/core'
import { type Activation, parseActivation } from '../parts/activation.js'

/**
 * Reads the fields of a config.json. Where a field has had several names, the first that is there counts; null means
 * that it is absent. All methods throw ConfigError FIELD_TYPE or FIELD_VALUE naming the field.
 */
export interface ConfigReader {
  readonly json: JsonObject
  /** Whether any of the fields is there, and not null. */
  has(...keys: string[]): boolean
  /** A dimension, 1 to 2^24. Without a default the field is required. */
  size(keys: string | readonly string[], fallback?: number, most?: number): number
  number(keys: string | readonly string[], fallback?: number): number
  /** A number that switches something on; null switches it off, and a default holds where the field is missing. */
  cap(key: string, fallback?: number): number | undefined
  flag(key: string, fallback?: boolean): boolean
  text(key: string, fallback: string): string
  /** @throws CapabilityError ACTIVATION for a function that is not offered. */
  activation(keys: string | readonly string[], fallback: string): Activation
  /** @throws CapabilityError VARIANT unless the field is absent or has the one value that is offered. */
  only(key: string, value: string | number | boolean | null, reason: string): void
}

/** No model has a dimension beyond this; products of three still fit a double exactly. */
const MAX_DIMENSION = 2 ** 24

/**
 * @param defaults what the configuration class of the family has for fields that a file leaves out. A field that is
 * null in the file stays null. A default of null is a field that the class has not: it is passed over in the file, too.
 */
export function configReader(file: JsonObject, defaults: JsonObject = {}): ConfigReader {
  const passedOver = Object.keys(defaults).filter((key) => defaults[key] === null)
  const json: JsonObject = Object.fromEntries(
    Object.entries({ ...defaults, ...file }).filter(([key]) => !passedOver.includes(key)),
  )
  const isThere = (key: string) => Object.hasOwn(json, key) && json[key] !== null && json[key] !== undefined
  // What a file says counts before a default, whatever its spelling.
  const named = (keys: string | readonly string[]): string => {
    const all = typeof keys === 'string' ? [keys] : keys
    const inFile = all.find((key) => Object.hasOwn(file, key) && isThere(key))
    return inFile ?? all.find(isThere) ?? all[0]!
  }
  return {
    json,
    has: (...keys) => keys.some(isThere),
    size(keys, fallback, most = MAX_DIMENSION) {
      const key = named(keys)
      const value = readInteger(json, key, fallback ?? Number.NaN)
      if (value >= 1 && value <= most) return value
      throw invalidField(key, json[key], `an integer from 1 to ${most}`)
    },
    number(keys, fallback) {
      const key = named(keys)
      const value = readNumber(json, key, fallback ?? Number.NaN)
      if (!Number.isNaN(value)) return value
      throw invalidField(key, json[key], 'a number')
    },
    cap: (key, fallback) => {
      const value =
        json[key] === undefined ? fallback : json[key] === null ? undefined : readNumber(json, key, 0)
      return value === 0 ? undefined : value
    },
    flag: (key, fallback = false) => readBoolean(json, key, fallback),
    text: (key, fallback) => readString(json, key, fallback),
    activation(keys, fallback) {
      const key = named(keys)
      return parseActivation(readString(json, key, fallback), key)
    },
    only(key, value, reason) {
      const found = json[key]
      if (found === undefined || found === null || found === value) return
      throw new CapabilityError(
        'VARIANT',
        `${key} ${JSON.stringify(found)} is not offered, only ${JSON.stringify(value)}: ${reason}`,
        { field: key, found, expected: value, hint: 'A package can define the architecture with it.' },
      )
    },
  }
}

export const invalidField = (field: string, found: unknown, expected: string): ConfigError =>
  new ConfigError('FIELD_VALUE', `${field} is ${JSON.stringify(found) ?? 'absent'}, expected ${expected}`, {
    field,
    found,
    expected,
    hint: 'Correct config.json, or take it from the same revision as the weights.',
  })
