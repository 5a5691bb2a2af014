import { count, type SchemaContext, type SchemaPlace, within } from './context.js'
import { readCount, type SchemaObject, wrongValue } from './keywords.js'

const MAX_ITEMS = 4096

/** Draws an array: the items that have a place of their own one by one, all further ones as a loop. */
export function emitArray(
  context: SchemaContext,
  schema: SchemaObject,
  place: SchemaPlace,
  from: number,
): number {
  const { builder, parts } = context
  const { pointer } = place
  const min = readCount(schema, 'minItems', pointer, MAX_ITEMS) ?? 0
  const max = readCount(schema, 'maxItems', pointer, MAX_ITEMS) ?? Number.POSITIVE_INFINITY
  const { prefixItems = [], items = true } = schema
  if (!Array.isArray(prefixItems)) throw wrongValue(schema, 'prefixItems', pointer, 'a list of schemas')
  count(context, 'properties', prefixItems.length, pointer)

  const end = builder.state()
  // No list is longer than it may be.
  if (min > max) return end
  const close = (state: number) => builder.text(parts.space(state), ']', end)
  const open = builder.text(from, '[')
  if (min === 0) close(open)

  let before = open
  const next = (index: number) => parts.space(index === 0 ? before : builder.text(before, ','))
  const prefix = prefixItems.slice(0, max)
  prefix.forEach((item, index) => {
    before = context.emit(item, within(place, `prefixItems/${index}`, 'container'), next(index))
    if (index + 1 >= min) close(before)
  })
  if (items === false || prefix.length >= max) return end
  const start = next(prefix.length)
  const bounds = { min: Math.max(min - prefix.length, 1), max: max - prefix.length }
  close(emitLoop(context, items, within(place, 'items', 'container'), start, bounds))
  return end
}

/** One item after another, at least one, with commas between them. */
function emitLoop(
  context: SchemaContext,
  items: unknown,
  place: SchemaPlace,
  from: number,
  { min, max }: { min: number; max: number },
): number {
  const { builder, parts } = context
  if (min === 1 && max === Number.POSITIVE_INFINITY) {
    const item = builder.state()
    builder.epsilon(from, item)
    const after = context.emit(items, place, item)
    parts.space(builder.text(after, ','), item)
    return after
  }
  const bounds = { min, max: max === Number.POSITIVE_INFINITY ? undefined : max }
  const { id } = builder.rule(place.pointer, bounds, (start) => {
    const item = builder.state()
    builder.epsilon(start, item, 'count')
    const after = context.emit(items, place, item)
    const comma = builder.bytes(after, COMMA, COMMA, builder.state(), 'count')
    parts.space(comma, item)
    const end = builder.state()
    builder.epsilon(after, end, 'enough')
    return end
  })
  return builder.call(from, id)
}

const COMMA = 0x2c
