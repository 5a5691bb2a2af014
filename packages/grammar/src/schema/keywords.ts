import { GrammarError } from '../errors.js'

export type JsonType = 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null'

export type SchemaObject = { readonly [keyword: string]: unknown }

/** Keywords that say something about values of one type, and imply it where `type` is absent. */
const OF_TYPE = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
} as const satisfies { readonly [type in JsonType]?: readonly string[] }

/** Keywords that are a whole schema by themselves: beside one of them only annotations may stand, or `type` beside a list of values. */
export const WHOLE = ['$ref', 'enum', 'const', 'anyOf', 'oneOf', 'allOf'] as const

const ANNOTATIONS = [
  ...['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly'],
  ...['$schema', '$id', '$comment', '$defs', 'definitions'],
]

const OFFERED = new Set<string>(['type', ...WHOLE, ...Object.values(OF_TYPE).flat(), ...ANNOTATIONS])

const isAnnotation = (keyword: string) => ANNOTATIONS.includes(keyword)

/** Keywords with a value, annotations apart. Throws for one that is not offered. */
export function assertionsOf(schema: SchemaObject, place: string): string[] {
  const keywords = Object.keys(schema).filter((keyword) => schema[keyword] !== undefined)
  const unknown = keywords.find((keyword) => !OFFERED.has(keyword))
  if (unknown !== undefined) {
    throw unsupported(`${place}/${pointerPart(unknown)}`, `"${unknown}" is not offered`, {
      found: schema[unknown],
      hint: 'Leave it out and check the finished value, or say the same with type, properties, items, enum, pattern, minLength, minimum, anyOf or $ref.',
    })
  }
  return keywords.filter((keyword) => !isAnnotation(keyword))
}

/** The type whose keywords a schema without `type` uses, all of one type. */
export function impliedType(assertions: readonly string[], place: string): JsonType | undefined {
  const types = Object.entries(OF_TYPE).filter(([, names]) =>
    (names as readonly string[]).some((name) => assertions.includes(name)),
  )
  if (types.length > 1 || types[0]?.[0] === 'integer') {
    throw unsupported(place, 'says what values of a type are like, but not which type it means', {
      expected: 'a "type"',
      hint: 'Add "type", or a list of types.',
    })
  }
  return types[0]?.[0] as JsonType | undefined
}

export const isSchemaObject = (value: unknown): value is SchemaObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A name as a part of a JSON pointer. */
export const pointerPart = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1')

export function unsupported(
  place: string,
  what: string,
  options: { found?: unknown; expected?: unknown; hint: string; cause?: unknown },
): GrammarError {
  return new GrammarError('SCHEMA_UNSUPPORTED', `the schema at ${place} cannot be enforced: ${what}`, {
    field: place,
    ...options,
  })
}

/** A keyword with a value that JSON schema does not know. */
export function wrongValue(schema: SchemaObject, keyword: string, place: string, expected: string) {
  const found = schema[keyword]
  return unsupported(`${place}/${keyword}`, `${keyword} is ${describe(found)}, expected ${expected}`, {
    found,
    expected,
    hint: 'Correct the schema.',
  })
}

function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  if (typeof value === 'string') return `"${value.slice(0, 40)}"`
  return Array.isArray(value) ? 'a list' : `of type ${typeof value}`
}

/** A whole number from 0 to `most`, or undefined where the schema does not state one. */
export function readCount(
  schema: SchemaObject,
  keyword: string,
  place: string,
  most: number,
): number | undefined {
  const value = schema[keyword]
  if (value === undefined) return undefined
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw wrongValue(schema, keyword, place, 'a whole number of at least 0')
  }
  if ((value as number) > most) {
    throw unsupported(`${place}/${keyword}`, `${keyword} is ${value}, at most ${most} is offered`, {
      found: value,
      expected: most,
      hint: 'Ask for less, or check the finished value.',
    })
  }
  return value as number
}
