import { intersect } from '../pattern/character-automaton.js'
import { emitJsonString } from '../pattern/emit-characters.js'
import { parsePattern } from '../pattern/parse-pattern.js'
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
  const automata = [...patterns(schema, pointer), ...formats(schema, pointer)]
  if (automata.length === 0) return parts.string(from, bounds)
  return emitJsonString(builder, from, intersect(automata, bounds, pointer))
}

function patterns(schema: SchemaObject, pointer: string) {
  if (schema.pattern === undefined) return []
  if (typeof schema.pattern !== 'string') throw wrongValue(schema, 'pattern', pointer, 'a text')
  return [parsePattern(schema.pattern, 'part', `${pointer}/pattern`)]
}

function formats(schema: SchemaObject, pointer: string) {
  const { format } = schema
  if (format === undefined) return []
  if (typeof format !== 'string') throw wrongValue(schema, 'format', pointer, 'a text')
  const pattern = FORMATS.get(format)
  if (pattern !== undefined) return [parsePattern(pattern, 'whole', `${pointer}/format`)]
  throw unsupported(`${pointer}/format`, `the format "${format.slice(0, 40)}" is not offered`, {
    found: format,
    expected: [...FORMATS.keys()],
    hint: `Offered: ${[...FORMATS.keys()].join(', ')}. Say others as a pattern.`,
  })
}
