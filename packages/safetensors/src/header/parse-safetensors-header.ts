import { SafetensorsError } from '../errors.js'
import { parseEntries } from './parse-entries.js'
import { placeEntries } from './place-entries.js'
import { LENGTH_FIELD_BYTES, readHeaderLength } from './read-header-length.js'
import type { SafetensorsHeader } from './tensor-entry.js'

export interface ParseHeaderOptions {
  /** Named in errors. */
  readonly file?: string
  /** Length of the whole file in bytes; default: of `bytes`. */
  readonly byteLength?: number
}

/**
 * Parses and checks a header without touching a disk.
 *
 * @param bytes the file from its first byte, at least to the end of the header
 * @throws {@link SafetensorsError} when the header breaks any rule of the format, or the file is too short or too long
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  options: ParseHeaderOptions = {},
): SafetensorsHeader {
  const file = options.file ?? '<bytes>'
  const fileBytes = options.byteLength ?? bytes.byteLength
  const dataOffset = LENGTH_FIELD_BYTES + readHeaderLength(bytes, file, fileBytes)
  if (bytes.byteLength < dataOffset) {
    throw new SafetensorsError(
      'SAFETENSORS_TRUNCATED',
      `${file}: the header ends at byte ${dataOffset}, only ${bytes.byteLength} were given`,
      { file },
    )
  }
  const text = decodeUtf8(bytes.subarray(LENGTH_FIELD_BYTES, dataOffset), file)
  const { metadata, entries } = parseEntries(text, file)
  return { dataOffset, metadata, tensors: placeEntries(entries, file, dataOffset, fileBytes - dataOffset) }
}

function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new SafetensorsError('SAFETENSORS_BAD_HEADER', `${file}: the header is not UTF-8 text`, {
      file,
      cause,
    })
  }
}
