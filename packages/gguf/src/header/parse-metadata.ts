import { quote, type Refuse } from '../errors.js'
import { decodeUtf8 } from './decode-utf8.js'
import { readStrings } from './gguf-strings.js'
import type { GgufMetadata, GgufNumberArrays, GgufValue, GgufValueType } from './gguf-value.js'
import { VALUE_TYPES } from './gguf-value.js'
import type { HeaderCursor, Subject } from './header-cursor.js'

/** A key has so many bytes at most, by the format. */
const MAX_KEY_BYTES = 65_535

/** Reads `count` pairs of key and value. */
export function parseMetadata(
  cursor: HeaderCursor,
  count: number,
  file: string,
  refuse: Refuse,
): GgufMetadata {
  const metadata = new Map<string, GgufValue>()
  for (let index = 0; index < count; index++) {
    const at = cursor.position
    const key = readKey(cursor, index, refuse)
    if (metadata.has(key)) {
      refuse('GGUF_DUPLICATE_KEY', `the key ${quote(key)} appears twice, again at byte ${at}`, { key })
    }
    metadata.set(key, readValue(cursor, key, file, refuse))
  }
  return metadata
}

function readKey(cursor: HeaderCursor, index: number, refuse: Refuse): string {
  const at = cursor.position
  const what = `key ${index} of the metadata`
  const bytes = cursor.string({ what })
  if (bytes.byteLength === 0 || bytes.byteLength > MAX_KEY_BYTES) {
    const problem = `${what} at byte ${at} has ${bytes.byteLength} bytes, expected 1 to ${MAX_KEY_BYTES}`
    refuse('GGUF_BAD_KEY', problem)
  }
  return decodeUtf8(bytes) ?? refuse('GGUF_BAD_TEXT', `${what} at byte ${at} is no UTF-8 text`)
}

function readValue(cursor: HeaderCursor, key: string, file: string, refuse: Refuse): GgufValue {
  const subject = { what: `the value of ${quote(key)}`, key }
  const type = readType(cursor, subject, refuse)
  if (type === 'array') return readArray(cursor, subject, file, refuse)
  if (type !== 'string') return scalar(type, readNumbers(cursor, type, 1n, subject, refuse))

  const at = cursor.position
  const value = decodeUtf8(cursor.string(subject))
  return value === undefined
    ? refuse('GGUF_BAD_TEXT', `${subject.what} at byte ${at} is no UTF-8 text`, { key })
    : { type, value }
}

function readType(cursor: HeaderCursor, subject: Subject & { key: string }, refuse: Refuse): GgufValueType {
  const at = cursor.position
  const id = cursor.u32(subject)
  const known = `expected 0 to ${VALUE_TYPES.length - 1}`
  return (
    VALUE_TYPES[id] ??
    refuse('GGUF_BAD_VALUE', `${subject.what} has type ${id} at byte ${at}, ${known}`, { key: subject.key })
  )
}

function readArray(
  cursor: HeaderCursor,
  subject: Subject & { key: string },
  file: string,
  refuse: Refuse,
): GgufValue {
  const of = readType(cursor, subject, refuse)
  if (of === 'array') {
    refuse('GGUF_NESTED_ARRAY', `${subject.what} is an array of arrays`, { key: subject.key })
  }
  const count = cursor.u64(subject)
  if (of === 'string') return { type: 'array', of, values: readStrings(cursor, count, subject, file) }
  return { type: 'array', of, values: readNumbers(cursor, of, count, subject, refuse) } as GgufValue
}

type NumberType = keyof GgufNumberArrays

const ARRAYS: { readonly [Of in NumberType]: new (buffer: ArrayBuffer) => GgufNumberArrays[Of] } = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  bool: Uint8Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  f64: Float64Array,
}

const BYTES: Readonly<Record<NumberType, bigint>> = {
  ...{ u8: 1n, i8: 1n, bool: 1n, u16: 2n, i16: 2n, u32: 4n, i32: 4n, f32: 4n },
  ...{ u64: 8n, i64: 8n, f64: 8n },
}

function readNumbers(
  cursor: HeaderCursor,
  type: NumberType,
  count: bigint,
  subject: Subject & { key: string },
  refuse: Refuse,
): GgufNumberArrays[NumberType] {
  const at = cursor.position
  const bytes = cursor.bytes(count * BYTES[type], subject)
  const odd = type === 'bool' ? bytes.findIndex((byte) => byte > 1) : -1
  if (odd >= 0) {
    const problem = `${subject.what} holds the boolean ${bytes[odd]} at byte ${at + odd}, expected 0 or 1`
    refuse('GGUF_BAD_VALUE', problem, { key: subject.key })
  }
  return new ARRAYS[type](bytes.buffer)
}

function scalar(type: NumberType, [value]: GgufNumberArrays[NumberType]): GgufValue {
  return { type, value: type === 'bool' ? value === 1 : value } as GgufValue
}
