import type { Builder } from '../automaton/builder.js'
import { tooComplex } from '../errors.js'
import type { JsonParts } from '../json/json-parts.js'

/** What the parts of one schema share. */
export interface SchemaContext {
  readonly builder: Builder
  readonly parts: JsonParts
  /** The whole schema, for references into it. */
  readonly root: unknown
  /** Rules of the references met so far. */
  readonly references: Map<string, { rule: number; open: boolean }>
  /** Draws a part of the schema from a state; returns the state behind it. */
  emit(schema: unknown, place: SchemaPlace, from: number): number
  /** Totals so far. */
  readonly totals: { properties: number; values: number }
}

/** Where a part of a schema is, and how deep. */
export interface SchemaPlace {
  /** JSON pointer. */
  readonly pointer: string
  /** Objects and arrays around it. */
  readonly containers: number
  /** Schemas around it. */
  readonly schemas: number
}

const MAX_CONTAINERS = 16
const MAX_SCHEMAS = 64
const MAX_PROPERTIES = 1000
const MAX_VALUES = 1000

/** Throws for a place that is too deep. */
export function checkDepth({ pointer, containers, schemas }: SchemaPlace): void {
  if (containers <= MAX_CONTAINERS && schemas <= MAX_SCHEMAS) return
  throw tooMany(
    containers > MAX_CONTAINERS
      ? `objects and arrays are nested more than ${MAX_CONTAINERS} deep`
      : `schemas are nested more than ${MAX_SCHEMAS} deep`,
    pointer,
  )
}

/** Adds to a total, which is bounded. */
export function count(
  { totals }: SchemaContext,
  what: 'properties' | 'values',
  more: number,
  pointer: string,
): void {
  totals[what] += more
  if (totals.properties > MAX_PROPERTIES)
    throw tooMany(`it has more than ${MAX_PROPERTIES} properties`, pointer)
  if (totals.values > MAX_VALUES)
    throw tooMany(`it has more than ${MAX_VALUES} values and alternatives`, pointer)
}

/** A schema inside of another; `container` says that an object or an array is in between. */
export const within = (place: SchemaPlace, part: string, container: 'container' | 'same' = 'same') => ({
  pointer: `${place.pointer}/${part}`,
  containers: place.containers + (container === 'container' ? 1 : 0),
  schemas: place.schemas + 1,
})

const tooMany = (what: string, pointer: string) =>
  tooComplex(`the schema at ${pointer.slice(0, 200)} is too large: ${what}`, pointer, 'Ask for less at once.')
