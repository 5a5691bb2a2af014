import { METADATA_KEY } from '../header/parse-entries.js'
import { LENGTH_FIELD_BYTES } from '../header/read-header-length.js'
import type { TensorEntry } from '../header/tensor-entry.js'

/** The data begins on a multiple of this, so that a mapped file gives aligned 64-bit values. */
const HEADER_ALIGNMENT = 8

/** A tensor whose place is counted from the start of the data. */
export type PlacedTensor = Pick<TensorEntry, 'name' | 'dtype' | 'shape' | 'byteLength'> & {
  readonly start: number
}

/**
 * Length field, JSON and padding, byte for byte what the reference library writes: compact, `__metadata__` first,
 * tensors in the order given, spaces up to a multiple of eight. `JSON.stringify` escapes well-formed strings exactly
 * as serde_json does (short forms, lower-case `\u00xx` for control characters, everything else raw).
 */
export function serializeHeader(
  tensors: readonly PlacedTensor[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array<ArrayBuffer> {
  const parts: string[] = []
  if (metadata !== undefined) {
    const pairs = Object.entries(metadata).map(
      ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
    )
    parts.push(`"${METADATA_KEY}":{${pairs.join(',')}}`)
  }
  for (const { name, dtype, shape, start, byteLength } of tensors) {
    const offsets = `[${start},${start + byteLength}]`
    parts.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(',')}],"data_offsets":${offsets}}`,
    )
  }
  const json = Buffer.from(`{${parts.join(',')}}`, 'utf8')
  const padded = Math.ceil(json.byteLength / HEADER_ALIGNMENT) * HEADER_ALIGNMENT
  const header = new Uint8Array(LENGTH_FIELD_BYTES + padded).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true)
  header.set(json, LENGTH_FIELD_BYTES)
  return header
}
