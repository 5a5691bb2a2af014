import { CheckpointError, parseJson, toValue } from '@hfquant/core'
import { isJsonObject } from '../encoding/decode.js'
import { DAMAGED } from './document-fields.js'

/** Header metadata of a checkpoint that torchao wrote: a JSON document for each original tensor name. */
export interface TorchAoHeader {
  /** Original names, in model order. */
  readonly names: readonly string[]
  /** Parsed documents by original name; `_type` is the name of a class, which may be one that is not known here. */
  readonly documents: ReadonlyMap<string, { readonly type: string; readonly json: unknown }>
}

type Metadata = Readonly<Record<string, string>>

const headers = new WeakMap<Metadata, TorchAoHeader | undefined>()

/**
 * The header of a checkpoint; undefined when torchao did not write it: `tensor_names` is absent, or a name in it has no
 * document.
 *
 * @throws CheckpointError TENSOR_DOCUMENT_INVALID when `tensor_names` or a document is not JSON, or when there are more
 * documents than names.
 */
export function readHeader(metadata: Metadata): TorchAoHeader | undefined {
  if (!headers.has(metadata)) headers.set(metadata, parse(metadata))
  return headers.get(metadata)
}

function parse(metadata: Metadata): TorchAoHeader | undefined {
  if (!Object.hasOwn(metadata, 'tensor_names')) return undefined
  const names = parseEntry(metadata, 'tensor_names')
  if (!Array.isArray(names) || !names.every((name): name is string => typeof name === 'string'))
    return undefined
  const documents = new Map<string, { type: string; json: unknown }>()
  for (const name of names) {
    if (!Object.hasOwn(metadata, name)) return undefined
    const json = parseEntry(metadata, name)
    if (!isJsonObject(json) || typeof json._type !== 'string') return undefined
    documents.set(name, { type: json._type, json })
  }
  refuseUnlisted(metadata, documents)
  return { names, documents }
}

/** Other tools may add entries of their own, but not documents. */
function refuseUnlisted(metadata: Metadata, documents: ReadonlyMap<string, unknown>): void {
  const unlisted = Object.keys(metadata).find(
    (name) => !documents.has(name) && metadata[name]!.startsWith('{"_type"'),
  )
  if (unlisted === undefined) return
  throw new CheckpointError(
    'TENSOR_DOCUMENT_INVALID',
    `the header has a document for "${unlisted}", which tensor_names does not list`,
    { tensor: unlisted, field: 'tensor_names', hint: DAMAGED },
  )
}

function parseEntry(metadata: Metadata, name: string): unknown {
  try {
    return toValue(parseJson(metadata[name]!))
  } catch (cause) {
    throw new CheckpointError(
      'TENSOR_DOCUMENT_INVALID',
      `the header's entry "${name}" is not valid JSON: ${(cause as Error).message}`,
      { tensor: name, hint: 'The file is damaged; download it again.', cause },
    )
  }
}
