import { ConfigError } from '@hfquant/core'
import { ENUMS, type Fields, OBJECTS, type ObjectValue, TORCH_DTYPES, type Value } from './values.js'

/** Deeper than any config: a file beyond it is an attack on the stack. */
const MAX_DEPTH = 32

/**
 * Decodes the fields of an object that torchao encoded as JSON.
 *
 * @param field where the object stands, for messages: "quant_type.default._data".
 * @throws ConfigError TYPE_UNKNOWN for a `_type` outside of the tables, FIELD_TYPE, FIELD_VALUE or FIELD_UNKNOWN for
 * anything that the type does not allow.
 */
export function decodeFields(data: unknown, field: string, depth = 0): Fields {
  if (!isJsonObject(data)) throw wrong('FIELD_TYPE', field, data, 'an object')
  return Object.fromEntries(
    Object.entries(data).map(([name, inner]) => [name, decode(inner, `${field}.${name}`, depth + 1)]),
  )
}

function decode(json: unknown, field: string, depth = 0): Value {
  if (depth > MAX_DEPTH) throw wrong('FIELD_TYPE', field, 'deeper nesting', `at most ${MAX_DEPTH} levels`)
  if (json === null || typeof json === 'boolean' || typeof json === 'string') return json
  if (typeof json === 'number' && Number.isFinite(json)) return json
  if (Array.isArray(json)) return json.map((item, i) => decode(item, `${field}[${i}]`, depth + 1))
  if (typeof json !== 'object') throw wrong('FIELD_TYPE', field, json, 'a JSON value')
  const tagged = readTag(json, field)
  if (tagged.type === 'torch.dtype') {
    const name = TORCH_DTYPES.find((known) => known === tagged.data)
    if (name === undefined) throw wrong('FIELD_VALUE', `${field}._data`, tagged.data, TORCH_DTYPES)
    return { kind: 'dtype', name }
  }
  const members = ENUMS.get(tagged.type)
  if (members !== undefined) {
    const member = members.find((known) => known === tagged.data)
    if (member === undefined) throw wrong('FIELD_VALUE', `${field}._data`, tagged.data, members)
    return { kind: 'enum', type: tagged.type, member }
  }
  const known = OBJECTS.get(tagged.type)
  if (known === undefined) {
    const expected = ['torch.dtype', ...ENUMS.keys(), ...OBJECTS.keys()]
    throw wrong('TYPE_UNKNOWN', `${field}._type`, tagged.type, expected)
  }
  const fields = decodeFields(tagged.data, `${field}._data`, depth)
  for (const name of Object.keys(fields)) {
    if (!known.includes(name))
      throw wrong('FIELD_UNKNOWN', `${field}._data.${name}`, fields[name], fieldsOrNone(known))
  }
  return { kind: 'object', type: tagged.type, version: tagged.version, fields }
}

/** `_type`, `_version` and `_data` of an encoded object, not decoded. @throws ConfigError FIELD_TYPE. */
export function readTag(
  json: unknown,
  field: string,
): Pick<ObjectValue, 'type' | 'version'> & { readonly data: unknown } {
  if (!isJsonObject(json) || !Object.hasOwn(json, '_type')) {
    throw wrong('FIELD_TYPE', field, json, 'an object with _type and _data')
  }
  const { _type: type, _version: version = 1, _data: data } = json
  if (typeof type !== 'string') throw wrong('FIELD_TYPE', `${field}._type`, type, 'a string')
  if (typeof version !== 'number' || !Number.isSafeInteger(version)) {
    throw wrong('FIELD_TYPE', `${field}._version`, version, 'an integer')
  }
  return { type, version, data }
}

export const isJsonObject = (json: unknown): json is { readonly [key: string]: unknown } =>
  typeof json === 'object' && json !== null && !Array.isArray(json)

/** An error about one field that says what was found and what is allowed there. */
export function wrong(
  code: 'FIELD_TYPE' | 'FIELD_VALUE' | 'FIELD_UNKNOWN' | 'FIELD_MISSING' | 'TYPE_UNKNOWN',
  field: string,
  found: unknown,
  expected: string | readonly string[],
): ConfigError {
  const wanted = typeof expected === 'string' ? expected : `one of ${expected.join(', ')}`
  return new ConfigError(code, `${field} is ${show(found)}, expected ${wanted}`, {
    field,
    found,
    expected,
    hint: 'Correct the configuration, or take config.json from the revision that the weights belong to.',
  })
}

const fieldsOrNone = (known: readonly string[]) => (known.length === 0 ? 'no fields' : known)

/** Files may hold anything; a message stays readable. */
const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'absent'
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
