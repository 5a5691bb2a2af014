import fc from 'fast-check'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

const nested = (depth: number): Json => (depth === 0 ? [] : [nested(depth - 1)])

/** What a field may hold that its reader does not expect. */
const strange: readonly Json[] = [
  null,
  true,
  '',
  'x',
  [],
  {},
  [[]],
  [null],
  [1, 'a'],
  { a: 1 },
  0,
  -1,
  1,
  7,
  0.5,
  1e-320,
  2 ** 24,
  2 ** 31,
  2 ** 53,
  1e300,
  '../../etc/passwd',
  '__proto__',
  're:(([a-z0-9._]+)+)+!',
  '(a+)+$',
  'float8_e4m3fn',
  'a'.repeat(5000),
  nested(200),
  '\u0000\ud800\u001b[31m',
]

/** One change of a document: a value takes the place of another, or a key goes, or moves, or is doubled. */
export interface JsonEdit {
  readonly at: number
  readonly kind: 'replace' | 'remove' | 'rename' | 'swap' | 'grow'
  readonly value: Json
}

const jsonEdit: fc.Arbitrary<JsonEdit> = fc.record({
  at: fc.nat(2 ** 24),
  kind: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'rename', 'swap', 'grow'),
  value: fc.oneof(
    fc.constantFrom(...strange),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.string(),
  ) as fc.Arbitrary<Json>,
})
export const jsonEdits = fc.array(jsonEdit, { minLength: 1, maxLength: 3 })

type Container = Json[] | Record<string, Json>

/** The document with its edits, each at one of the places below `root`. */
export function mutateJson(
  document: Json,
  changes: readonly JsonEdit[],
  root: readonly string[] = [],
): string {
  const copy = structuredClone(document) as Record<string, Json>
  for (const { at, kind, value } of changes) {
    const places = placesOf(root.reduce<Json>((node, key) => (node as Record<string, Json>)[key]!, copy))
    const place = places[at % Math.max(places.length, 1)]
    if (place !== undefined) apply(place, kind, value, places)
  }
  return JSON.stringify(copy)
}

interface Place {
  readonly container: Container
  readonly key: string
}

/** Every value of the document, at most as many as make a difference. */
function placesOf(node: Json, places: Place[] = []): readonly Place[] {
  if (typeof node !== 'object' || node === null || places.length > 5000) return places
  for (const key of Object.keys(node)) {
    places.push({ container: node as Container, key })
    placesOf((node as Record<string, Json>)[key]!, places)
  }
  return places
}

function apply(
  { container, key }: Place,
  kind: JsonEdit['kind'],
  value: Json,
  places: readonly Place[],
): void {
  const record = container as Record<string, Json>
  const found = record[key]!
  if (kind === 'replace') record[key] = value
  else if (kind === 'remove' && !Array.isArray(container)) delete record[key]
  else if (kind === 'rename') record[`${key}_2`] = found
  else if (kind === 'grow' && Array.isArray(found)) record[key] = [...found, ...found, value]
  else {
    const other = places[places.length >> 1]!
    record[key] = structuredClone((other.container as Record<string, Json>)[other.key] ?? null)
  }
}
