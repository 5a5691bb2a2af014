import { basename, dirname } from 'node:path'
import { standInOf } from '@hfquant/safetensors'
import type { JsonObject } from '../contract/json.js'
import { CheckpointError } from '../errors/families.js'
import { readModelFile } from '../load/model-file.js'
import { type JsonNode, parseJson, toValue } from './json-document.js'

export interface JsonFile {
  readonly path: string
  readonly value: JsonObject
  /** The same content with its numbers as they were written, for writing it back. */
  readonly document: JsonNode & { readonly kind: 'object' }
}

/** A configuration file of this size describes no model. */
const MAX_BYTES = 16 * 2 ** 20

/** @throws CheckpointError as `readModelFile` for a file of its folder; JSON_INVALID or JSON_NOT_OBJECT. */
export async function readJsonFile(path: string, hint?: string): Promise<JsonFile> {
  const bytes = await readModelFile(dirname(path), basename(path), { maxBytes: MAX_BYTES, hint })
  const document = parse(path, bytes)
  if (document.kind !== 'object') {
    throw new CheckpointError(
      'JSON_NOT_OBJECT',
      `${path} holds ${document.kind === 'array' ? 'an array' : 'a value'}, expected a JSON object`,
      {
        file: path,
        hint: 'The file is not what its name says; download it again.',
      },
    )
  }
  return { path, document, value: toValue(document) as JsonObject }
}

/** @throws CheckpointError JSON_INVALID. */
function parse(path: string, bytes: Uint8Array): JsonNode {
  try {
    return parseJson(new TextDecoder().decode(bytes))
  } catch (cause) {
    const standIn = standInOf(bytes)
    throw new CheckpointError(
      'JSON_INVALID',
      `${path} ${standIn === undefined ? `is not valid JSON: ${(cause as Error).message}` : `is ${standIn.what}, not JSON`}`,
      {
        file: path,
        hint: standIn?.hint ?? 'The file is damaged or half-written; download it again.',
        cause,
      },
    )
  }
}
