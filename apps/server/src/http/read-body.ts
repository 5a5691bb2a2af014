import { ApiError } from './api-error.js'

/** Reads a value of a request at `path`, or throws ApiError naming the path. */
export type Read<T> = (value: unknown, path: string) => T

/** The content of a request, or of an object in it. */
export interface Fields {
  readonly [name: string]: unknown
}

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`

export function wrongType(value: unknown, path: string, expected: string): ApiError {
  const found = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`
  return new ApiError(
    'invalid_type',
    `${path} is ${found.replace('a object', 'an object')}, expected ${expected}`,
    {
      param: path,
    },
  )
}

/** @param found what is quoted: a number or a name, never a text that somebody wrote. */
export const wrongValue = (found: string, path: string, expected: string): ApiError =>
  new ApiError('invalid_value', `${path} is ${found.slice(0, 80)}, expected ${expected}`, { param: path })

export const missing = (path: string, expected: string): ApiError =>
  new ApiError('missing_field', `${path} is missing, expected ${expected}`, { param: path })

export const number =
  ({ least = -Infinity, most = Infinity, above = -Infinity }): Read<number> =>
  (value, path) => {
    const bounds = [
      ...(above > -Infinity ? [`above ${above}`] : []),
      ...(least > -Infinity ? [`of at least ${least}`] : []),
      ...(most < Infinity ? [`of at most ${most}`] : []),
    ].join(' and ')
    const expected = `a number ${bounds}`.trimEnd()
    if (typeof value !== 'number') throw wrongType(value, path, expected)
    if (!(value > above && value >= least && value <= most)) throw wrongValue(String(value), path, expected)
    return value
  }

export const whole = (least: number, most = Number.MAX_SAFE_INTEGER): Read<number> => {
  const expected =
    most === Number.MAX_SAFE_INTEGER
      ? least === Number.MIN_SAFE_INTEGER
        ? 'a whole number'
        : `a whole number of at least ${least}`
      : `a whole number from ${least} to ${most}`
  return (value, path) => {
    if (typeof value !== 'number') throw wrongType(value, path, expected)
    if (!Number.isSafeInteger(value) || value < least || value > most)
      throw wrongValue(String(value), path, expected)
    return value
  }
}

export const truth: Read<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw wrongType(value, path, 'true or false')
  return value
}

export const text =
  ({ least = 0, most = Number.POSITIVE_INFINITY } = {}): Read<string> =>
  (value, path) => {
    if (typeof value !== 'string') throw wrongType(value, path, 'a string')
    if (value.length < least || value.length > most)
      throw wrongValue(`${plural(value.length, 'character')} long`, path, `${least} to ${most} characters`)
    return value
  }

export const oneOf =
  <const T extends string>(names: readonly T[]): Read<T> =>
  (value, path) => {
    const expected = `one of ${names.map((name) => `"${name}"`).join(', ')}`
    if (typeof value !== 'string') throw wrongType(value, path, expected)
    if (!(names as readonly string[]).includes(value))
      throw wrongValue(JSON.stringify(value.slice(0, 60)), path, expected)
    return value as T
  }

export const object: Read<Fields> = (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrongType(value, path, 'an object')
  return value as Fields
}

export const listOf =
  <T>(item: Read<T>, { least = 0, most = Number.POSITIVE_INFINITY } = {}): Read<readonly T[]> =>
  (value, path) => {
    if (!Array.isArray(value)) throw wrongType(value, path, 'a list')
    if (value.length < least || value.length > most)
      throw wrongValue(
        `a list of ${value.length}`,
        path,
        most === Infinity ? `at least ${least}` : `${least} to ${most}`,
      )
    return value.map((one, index) => item(one, `${path}[${index}]`))
  }

/** Token ids at most, of any one prompt. */
const MOST_TOKEN_IDS = 2 ** 20

/** Ids of tokens. Many of them come at once, so that a path is made for none but a wrong one. */
export const tokenIds =
  ({ least = 0 } = {}): Read<readonly number[]> =>
  (value, path) => {
    if (!Array.isArray(value)) throw wrongType(value, path, 'a list of token ids')
    if (value.length < least || value.length > MOST_TOKEN_IDS)
      throw wrongValue(`a list of ${value.length}`, path, `${least} to ${MOST_TOKEN_IDS} token ids`)
    const wrong = value.findIndex((id) => !(Number.isSafeInteger(id) && id >= 0))
    if (wrong >= 0) whole(0)(value[wrong], `${path}[${wrong}]`)
    return value as readonly number[]
  }

/** A field of an object; null counts as absent. */
export function optional<T>(fields: Fields, name: string, read: Read<T>, path = ''): T | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined
  return value === undefined || value === null
    ? undefined
    : read(value, path === '' ? name : `${path}.${name}`)
}

export function required<T>(fields: Fields, name: string, read: Read<T>, expected: string, path = ''): T {
  const value = optional(fields, name, read, path)
  if (value === undefined) throw missing(path === '' ? name : `${path}.${name}`, expected)
  return value
}

/** The body of a request. */
export function bodyOf(body: unknown): Fields {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Fields
  throw new ApiError(
    'invalid_json',
    'the body is no JSON object; send one with content-type application/json',
  )
}
