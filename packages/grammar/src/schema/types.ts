import { type JsonType, type SchemaObject, wrongValue } from './keywords.js'

const TYPES: readonly string[] = [
  'object',
  'array',
  'string',
  'number',
  'integer',
  'boolean',
  'null',
] satisfies JsonType[]

/** The types that a schema names, each once; undefined where it names none. A number may be an integer. */
export function readTypes(schema: SchemaObject, pointer: string): JsonType[] | undefined {
  if (schema.type === undefined) return undefined
  const named = Array.isArray(schema.type) ? schema.type : [schema.type]
  if (named.length === 0 || !named.every((type) => TYPES.includes(type))) {
    throw wrongValue(schema, 'type', pointer, `one of ${TYPES.join(', ')}, or a list of them`)
  }
  const types = new Set<JsonType>(named)
  if (types.has('number')) types.delete('integer')
  return [...types]
}

/** The narrowest type of a JSON value. */
export function typeOf(value: unknown): JsonType {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value as 'object' | 'string' | 'boolean'
}

export const isOfType = (value: unknown, types: readonly JsonType[]): boolean => {
  const type = typeOf(value)
  return types.includes(type) || (type === 'integer' && types.includes('number'))
}
