import { TemplateFailure } from './failure.js'
import { Dict, type Value } from './values.js'

const MAX_DEPTH = 100

/**
 * What a value of JavaScript is to a template, as if it had come from JSON. A whole number is an int, since JavaScript
 * does not keep 1.0 apart from 1; a bigint is one, too. Undefined fields and functions are left out. Objects are
 * converted once: `known` gives the same value for the same object.
 *
 * @throws TemplateFailure for what nests too deep, such as an object that holds itself.
 */
export function fromJavaScript(value: unknown, known: Map<object, Value> = new Map(), depth = 0): Value {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return value
    case 'number':
      return Number.isSafeInteger(value) ? BigInt(value) : value
  }
  if (typeof value !== 'object' || value === null) return null
  if (depth > MAX_DEPTH) throw new TemplateFailure(`a variable nests deeper than ${MAX_DEPTH} levels`)
  const before = known.get(value)
  if (before !== undefined) return before
  const converted = convertObject(value, (inner) => fromJavaScript(inner, known, depth + 1))
  known.set(value, converted)
  return converted
}

function convertObject(value: object, convert: (inner: unknown) => Value): Value {
  if (Array.isArray(value)) return value.map(convert)
  if (value instanceof Map)
    return new Dict([...value].map(([key, item]) => [convert(key), convert(item)] as const))
  if ('toJSON' in value && typeof value.toJSON === 'function') return convert(value.toJSON())
  return new Dict(
    Object.entries(value)
      .filter(([, item]) => item !== undefined && typeof item !== 'function')
      .map(([key, item]) => [key, convert(item)] as const),
  )
}
