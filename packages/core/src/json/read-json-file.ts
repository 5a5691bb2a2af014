import { readFile, stat } from 'node:fs/promises'
import type { JsonObject } from '../contract/json.js'
import { CheckpointError } from '../errors/families.js'
import { type JsonNode, parseJson, toValue } from './json-document.js'

export interface JsonFile {
  readonly path: string
  readonly value: JsonObject
  /** The same content with its numbers as they were written, for writing it back. */
  readonly document: JsonNode & { readonly kind: 'object' }
}

/** A configuration file of this size describes no model. */
const MAX_BYTES = 64 * 2 ** 20

/** @throws CheckpointError FILE_NOT_FOUND, JSON_INVALID or JSON_NOT_OBJECT. */
export async function readJsonFile(path: string, hint?: string): Promise<JsonFile> {
  const document = parse(path, await readText(path, hint))
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

async function readText(path: string, hint: string | undefined): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES)
      throw new CheckpointError(
        'FILE_TOO_LARGE',
        `${path} has ${size} bytes, at most ${MAX_BYTES} expected`,
        { file: path },
      )
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (CheckpointError.isInstance(cause)) throw cause
    const { code } = cause as { code?: string }
    const absent = code === 'ENOENT' || code === 'ENOTDIR'
    throw new CheckpointError(
      absent ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE',
      `${path} ${absent ? 'does not exist' : `cannot be read (${code})`}`,
      {
        file: path,
        hint: hint ?? 'Check the path.',
        cause,
      },
    )
  }
}

function parse(path: string, text: string): JsonNode {
  try {
    return parseJson(text.startsWith('\ufeff') ? text.slice(1) : text)
  } catch (cause) {
    throw new CheckpointError('JSON_INVALID', `${path} is not valid JSON: ${(cause as Error).message}`, {
      file: path,
      hint: 'The file is damaged or half-written; download it again.',
      cause,
    })
  }
}
