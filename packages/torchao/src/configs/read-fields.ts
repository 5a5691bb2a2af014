import { wrong } from '../encoding/decode.js'
import { type Fields, isTagged, type TorchDtype, type Value } from '../encoding/values.js'

/**
 * Refuses fields that the class does not have. A field of an older release passes when it holds what `historical` says
 * it held by default; the tensors do not depend on it then.
 *
 * @throws ConfigError FIELD_UNKNOWN.
 */
export function refuseUnknownFields(
  fields: Fields,
  known: readonly string[],
  path: string,
  historical: Readonly<Record<string, (value: Value) => boolean>> = {},
): void {
  for (const [name, value] of Object.entries(fields)) {
    if (known.includes(name)) continue
    if (Object.hasOwn(historical, name) && historical[name]!(value)) continue
    throw wrong('FIELD_UNKNOWN', `${path}.${name}`, value, known)
  }
}

/** The member of an enumeration; upstream also accepts the member's value, its name in lower case. */
export function readMember<Member extends string>(
  value: Value | undefined,
  type: string,
  allowed: readonly Member[],
  fallback: Member,
  field: string,
): Member {
  if (value === undefined) return fallback
  const member = typeof value === 'string' ? value.toUpperCase() : memberOf(value, type)
  const found = allowed.find((known) => known === member)
  if (found === undefined) throw wrong('FIELD_VALUE', field, member ?? value, allowed)
  return found
}

const memberOf = (value: Value, type: string): string | undefined =>
  isTagged(value) && value.kind === 'enum' && value.type === type ? value.member : undefined

export function readDtype<Dtype extends TorchDtype>(
  value: Value | undefined,
  allowed: readonly Dtype[],
  field: string,
): Dtype {
  const name = isTagged(value) && value.kind === 'dtype' ? value.name : undefined
  const found = allowed.find((known) => known === name)
  if (found === undefined) throw wrong('FIELD_VALUE', field, name ?? value, allowed)
  return found
}

export function readFlag(value: Value | undefined, fallback: boolean, field: string): boolean {
  if (value === undefined) return fallback
  if (typeof value !== 'boolean') throw wrong('FIELD_TYPE', field, value, 'true or false')
  return value
}

/** True for a layout of an older release, with or without the fields that it has by default. */
export const isLayout =
  (type: string) =>
  (value: Value): boolean =>
    value === null || (isTagged(value) && value.kind === 'object' && value.type === type)
