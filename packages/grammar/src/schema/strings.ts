import { emitJsonString } from '../pattern/emit-characters.js'
import { type PlacedPattern, patternAutomaton } from '../pattern/pattern-automaton.js'
import type { SchemaContext } from './context.js'
import { FORMATS } from './formats.js'
import { readCount, type SchemaObject, unsupported, wrongValue } from './keywords.js'

const MAX_LENGTH = 65_536

/** Draws strings of a length, a pattern and a format. Lengths count code points. */
export function emitString(
  { builder, parts }: SchemaContext,
  schema: SchemaObject,
  pointer: string,
  from: number,
): number {
  const min = readCount(schema, 'minLength', pointer, MAX_LENGTH) ?? 0
  const max = readCount(schema, 'maxLength', pointer, MAX_LENGTH)
  const bounds = min === 0 && max === undefined ? undefined : { min, max }
  // Nothing is longer than it may be.
  if (max !== undefined && min > max) return builder.state()
  const all = [...patterns(schema, pointer), ...formats(schema, pointer)]
  if (all.length === 0) return parts.string(from, bounds)
  return emitJsonString(builder, from, patternAutomaton(builder, all, bounds, pointer))
}

function patterns(schema: SchemaObject, pointer: string): readonly PlacedPattern[] {
  if (schema.pattern === undefined) return []
  if (typeof schema.pattern !== 'string') throw wrongValue(schema, 'pattern', pointer, 'a text')
  return [{ source: schema.pattern, extent: 'part', place: `${pointer}/pattern` }]
}

function formats(schema: SchemaObject, pointer: string): readonly PlacedPattern[] {
  const { format } = schema
  if (format === undefined) return []
  if (typeof format !== 'string') throw wrongValue(schema, 'format', pointer, 'a text')
  const pattern = FORMATS.get(format)
  if (pattern !== undefined) return [{ source: pattern, extent: 'whole', place: `${pointer}/format` }]
  throw unsupported(`${pointer}/format`, `the format "${format.slice(0, 40)}" is not offered`, {
    found: format,
    expected: [...FORMATS.keys()],
    hint: `Offered: ${[...FORMATS.keys()].join(', ')}. Say others as a pattern.`,
  })
}
