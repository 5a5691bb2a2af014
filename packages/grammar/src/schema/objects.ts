import { emitJsonString } from '../pattern/emit-characters.js'
import { count, type SchemaContext, type SchemaPlace, within } from './context.js'
import { isSchemaObject, pointerPart, type SchemaObject, unsupported, wrongValue } from './keywords.js'
import { otherTexts } from './other-texts.js'

interface Property {
  readonly name: string
  readonly schema: unknown
  readonly required: boolean
  readonly part: string
}

/**
 * Draws an object: its properties in the order of the schema, those that are not required may be left out, others come last.
 * Other properties come only where `additionalProperties` says so, or where the schema names none at all.
 */
export function emitObject(
  context: SchemaContext,
  schema: SchemaObject,
  place: SchemaPlace,
  from: number,
): number {
  const { builder, parts } = context
  if (namesNothing(schema)) return parts.object(from)
  const additional = schema.additionalProperties ?? false
  const properties = readProperties(schema, additional, place.pointer)
  count(context, 'properties', properties.length, place.pointer)

  const end = builder.state()
  const close = (state: number) => builder.text(parts.space(state), '}', end)
  const hasMore = (index: number) => index < properties.length || additional !== false
  const mayEnd = (index: number) => !properties.slice(index).some(({ required }) => required)

  const open = builder.text(from, '{')
  if (mayEnd(0)) close(open)
  // The state before each name: one that may be left out is passed by.
  let name = parts.space(open)
  properties.forEach((property, index) => {
    const inner = within(place, property.part, 'container')
    const value = parts.space(builder.text(name, `${JSON.stringify(property.name)}:`))
    const after = context.emit(property.schema, inner, value)
    if (mayEnd(index + 1)) close(after)
    const next = builder.state()
    if (!property.required) builder.epsilon(name, next)
    if (hasMore(index + 1)) parts.space(builder.text(after, ','), next)
    name = next
  })
  if (additional === false) return end

  const declared = properties.map((property) => property.name)
  const key = declared.length === 0 ? parts.string(name) : emitJsonString(builder, name, otherTexts(declared))
  const inner = within(place, 'additionalProperties', 'container')
  const after = context.emit(additional, inner, parts.space(builder.text(key, ':')))
  close(after)
  parts.space(builder.text(after, ','), name)
  return end
}

const namesNothing = ({ properties, required, additionalProperties }: SchemaObject) =>
  properties === undefined &&
  additionalProperties === undefined &&
  (required === undefined || (Array.isArray(required) && required.length === 0))

function readProperties(schema: SchemaObject, additional: unknown, pointer: string): Property[] {
  const { properties = {}, required = [] } = schema
  if (!isSchemaObject(properties)) throw wrongValue(schema, 'properties', pointer, 'an object')
  if (!Array.isArray(required) || !required.every((name) => typeof name === 'string')) {
    throw wrongValue(schema, 'required', pointer, 'a list of names')
  }
  const wanted = new Set<string>(required)
  const declared = Object.entries(properties).map(([name, value]) => ({
    name,
    schema: value,
    required: wanted.has(name),
    part: `properties/${pointerPart(name)}`,
  }))
  const undeclared = [...wanted].filter((name) => !Object.hasOwn(properties, name))
  if (undeclared.length > 0 && additional === false) {
    throw unsupported(`${pointer}/required`, `it requires "${undeclared[0]}", which no property describes`, {
      found: undeclared[0],
      expected: Object.keys(properties),
      hint: 'Add it to "properties"; without "additionalProperties" there are no others.',
    })
  }
  return [
    ...declared,
    ...undeclared.map((name) => ({
      name,
      schema: additional,
      required: true,
      part: 'additionalProperties',
    })),
  ]
}
