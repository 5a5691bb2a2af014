import type { Builder } from '../automaton/builder.js'
import { emitTexts } from '../automaton/emit-texts.js'
import type { JsonParts } from '../json/json-parts.js'
import { emitPlain } from '../pattern/emit-characters.js'
import { patternAutomaton } from '../pattern/pattern-automaton.js'
import { emitArray } from './arrays.js'
import { checkDepth, count, type SchemaContext, type SchemaPlace, within } from './context.js'
import { integerPattern } from './integers.js'
import {
  assertionsOf,
  impliedType,
  isSchemaObject,
  type JsonType,
  type SchemaObject,
  unsupported,
  WHOLE,
  wrongValue,
} from './keywords.js'
import { emitLiterals } from './literals.js'
import { emitObject } from './objects.js'
import { emitReference } from './references.js'
import { emitString } from './strings.js'
import { readTypes } from './types.js'
import { checkDisjoint } from './unions.js'

/** Draws the values of a schema as JSON.stringify writes them, with the white space of `JsonParts.space`. Throws GrammarError. */
export function emitJsonSchema(builder: Builder, parts: JsonParts, root: unknown, from: number): number {
  const context: SchemaContext = {
    builder,
    parts,
    root,
    references: new Map(),
    totals: { properties: 0, values: 0 },
    emit: (schema, place, state) => emitSchema(context, schema, place, state),
  }
  return emitReference(context, '#', { pointer: '#', containers: 0, schemas: 0 }, from)
}

function emitSchema(context: SchemaContext, schema: unknown, place: SchemaPlace, from: number): number {
  const { builder, parts } = context
  if (schema === true) return parts.value(from)
  // Nothing satisfies `false`: a state that nothing leads to.
  if (schema === false) return builder.state()
  const { pointer } = place
  if (!isSchemaObject(schema)) {
    throw unsupported(pointer, 'it is neither an object nor true nor false', {
      found: schema,
      hint: 'Pass a JSON schema.',
    })
  }
  checkDepth(place)
  const assertions = assertionsOf(schema, pointer)
  if (assertions.length === 0) return parts.value(from)
  const whole = WHOLE.find((keyword) => assertions.includes(keyword))
  if (whole !== undefined) return emitWhole(context, schema, whole, assertions, place, from)

  const implied = impliedTypeOf(schema, assertions, pointer)
  const types = readTypes(schema, pointer) ?? (implied === undefined ? [] : [implied])
  const to = builder.state()
  for (const type of types) builder.epsilon(emitTyped(context, schema, type, place, from), to)
  return to
}

const impliedTypeOf = (schema: SchemaObject, assertions: readonly string[], pointer: string) =>
  schema.type === undefined ? impliedType(assertions, pointer) : undefined

function emitWhole(
  context: SchemaContext,
  schema: SchemaObject,
  whole: (typeof WHOLE)[number],
  assertions: readonly string[],
  place: SchemaPlace,
  from: number,
): number {
  const isLiteral = whole === 'enum' || whole === 'const'
  const beside = assertions.find((keyword) => keyword !== whole && !(isLiteral && keyword === 'type'))
  if (beside !== undefined) {
    throw unsupported(`${place.pointer}/${beside}`, `"${beside}" beside "${whole}" is not offered`, {
      hint: `Say it within "${whole}", or leave it out.`,
    })
  }
  if (isLiteral) return emitLiterals(context, schema, whole, place, from)
  if (whole === '$ref') return emitReference(context, schema.$ref, place, from)

  const branches = schema[whole]
  if (!Array.isArray(branches) || branches.length === 0) {
    throw wrongValue(schema, whole, place.pointer, 'a list of schemas')
  }
  if (whole === 'allOf' && branches.length > 1) {
    throw unsupported(`${place.pointer}/allOf`, `"allOf" has ${branches.length} entries, one is offered`, {
      hint: 'Merge the entries into one schema.',
    })
  }
  if (whole === 'oneOf') checkDisjoint(branches, context.root, place.pointer)
  count(context, 'values', branches.length, place.pointer)
  const to = context.builder.state()
  branches.forEach((branch, index) => {
    const end = emitSchema(context, branch, within(place, `${whole}/${index}`), from)
    context.builder.epsilon(end, to)
  })
  return to
}

function emitTyped(
  context: SchemaContext,
  schema: SchemaObject,
  type: JsonType,
  place: SchemaPlace,
  from: number,
): number {
  const { builder, parts } = context
  switch (type) {
    case 'object':
      return emitObject(context, schema, place, from)
    case 'array':
      return emitArray(context, schema, place, from)
    case 'string':
      return emitString(context, schema, place.pointer, from)
    case 'integer': {
      const pattern = integerPattern(schema, place.pointer)
      if (pattern === undefined) return parts.integer(from)
      const placed = { source: pattern, extent: 'whole', place: place.pointer } as const
      const automaton = patternAutomaton(builder, [placed], undefined, place.pointer)
      return emitPlain(builder, from, automaton)
    }
    case 'number':
      refuseBounds(schema, place.pointer)
      return parts.number(from)
    case 'boolean':
      return emitTexts(builder, from, ['true', 'false'])
    case 'null':
      return builder.text(from, 'null')
  }
}

function refuseBounds(schema: SchemaObject, pointer: string): void {
  const bounds = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum']
  const bound = bounds.find((keyword) => schema[keyword] !== undefined)
  if (bound === undefined) return
  throw unsupported(`${pointer}/${bound}`, `"${bound}" is offered for integers only`, {
    hint: 'Make the type "integer", or check the finished number.',
  })
}
