import { emitTexts } from '../automaton/emit-texts.js'
import { count, type SchemaContext, type SchemaPlace } from './context.js'
import { type SchemaObject, unsupported, wrongValue } from './keywords.js'
import { isOfType, readTypes } from './types.js'

/** Draws the values of `enum` or `const`, compactly, as far as they have the type that stands beside them. */
export function emitLiterals(
  context: SchemaContext,
  schema: SchemaObject,
  keyword: 'enum' | 'const',
  { pointer }: SchemaPlace,
  from: number,
): number {
  const values = keyword === 'const' ? [schema.const] : schema.enum
  if (!Array.isArray(values)) throw wrongValue(schema, 'enum', pointer, 'a list of values')
  count(context, 'values', values.length, pointer)
  const types = readTypes(schema, pointer)
  const fitting = types === undefined ? values : values.filter((value) => isOfType(value, types))
  return emitTexts(
    context.builder,
    from,
    fitting.map((value) => jsonText(value, `${pointer}/${keyword}`)),
  )
}

function jsonText(value: unknown, pointer: string): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value, (_, inner: unknown) => {
      // JSON.stringify writes numbers that JSON does not have as null.
      if (typeof inner === 'number' && !Number.isFinite(inner)) throw new TypeError(`${inner} is no JSON`)
      return inner
    })
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    throw notJson(value, pointer, cause)
  }
  if (text === undefined) throw notJson(value, pointer)
  return text
}

const notJson = (value: unknown, pointer: string, cause?: TypeError) =>
  unsupported(pointer, 'it has a value that JSON cannot write', {
    found: typeof value === 'number' ? value : typeof value,
    hint: 'Give texts, finite numbers, true, false, null, and lists and objects of them.',
    cause,
  })
