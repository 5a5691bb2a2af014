import type { SchemaContext, SchemaPlace } from './context.js'
import { isSchemaObject, unsupported } from './keywords.js'

/** Goes through the rule of a reference. A reference into a schema that is still being drawn is a recursion, and costs a level. */
export function emitReference(
  context: SchemaContext,
  reference: unknown,
  place: SchemaPlace,
  from: number,
): number {
  const { builder, references } = context
  const target = resolveReference(context.root, reference, place.pointer)
  let known = references.get(target.pointer)
  if (known === undefined) {
    builder.rule(target.pointer, undefined, (start, id) => {
      known = { rule: id, open: true }
      references.set(target.pointer, known)
      return context.emit(
        target.schema,
        { ...place, pointer: target.pointer, schemas: place.schemas + 1 },
        start,
      )
    })
    known!.open = false
  }
  return builder.call(from, known!.rule, undefined, known!.open ? 1 : 0)
}

/** The schema that a reference means, and its place. */
export function resolveReference(
  root: unknown,
  reference: unknown,
  pointer: string,
): { schema: unknown; pointer: string } {
  if (reference === '#') return { schema: root, pointer: '#' }
  const [, folder, part] =
    typeof reference === 'string' ? (/^#\/(\$defs|definitions)\/([^/]+)$/.exec(reference) ?? []) : []
  const folderOf = folder !== undefined && isSchemaObject(root) ? root[folder] : undefined
  const name = part === undefined ? undefined : decoded(part)
  if (name !== undefined && isSchemaObject(folderOf) && Object.hasOwn(folderOf, name)) {
    return { schema: folderOf[name], pointer: `#/${folder}/${part}` }
  }
  const known = isSchemaObject(folderOf) ? Object.keys(folderOf).slice(0, 20) : undefined
  throw unsupported(
    `${pointer}/$ref`,
    folder === undefined
      ? 'a reference may be to #, to #/$defs/NAME or to #/definitions/NAME'
      : `there is no #/${folder}/${part}`,
    {
      found: reference,
      expected: known,
      hint: 'Move the schema that is meant to "$defs" of this one; no other document is read.',
    },
  )
}

/** A part of a JSON pointer in a fragment, as a name; undefined if it is none. */
function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return undefined
  }
}
