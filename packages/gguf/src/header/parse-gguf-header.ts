import { type Refuse, refuseFor } from '../errors.js'
import type { GgufHeader } from './gguf-header.js'
import type { GgufMetadata } from './gguf-value.js'
import { type HeaderCursor, HeaderGoesOn, headerCursor } from './header-cursor.js'
import { parseMetadata } from './parse-metadata.js'
import { parseTensorInfos } from './parse-tensor-infos.js'
import { placeTensors } from './place-tensors.js'

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
 * @throws {@link GgufError} when the header breaks any rule of the format, or needs what is not read
 */
export function parseGgufHeader(bytes: Uint8Array, options: ParseHeaderOptions = {}): GgufHeader {
  const file = options.file ?? '<bytes>'
  const found = headerWithin(bytes, file, options.byteLength ?? bytes.byteLength)
  if (typeof found !== 'number') return found
  const problem = `the header goes on to byte ${found} at least, only ${bytes.byteLength} were given`
  return refuseFor(file)('GGUF_TRUNCATED', problem)
}

/** The header, or how many bytes are needed at least where `bytes` end within it. */
export function headerWithin(bytes: Uint8Array, file: string, fileBytes: number): GgufHeader | number {
  try {
    return parse(bytes, file, fileBytes)
  } catch (error) {
    if (error instanceof HeaderGoesOn) return error.neededBytes
    throw error
  }
}

function parse(bytes: Uint8Array, file: string, fileBytes: number): GgufHeader {
  const refuse = refuseFor(file)
  const cursor = headerCursor(bytes, fileBytes, refuse)
  const version = readVersion(cursor, refuse)
  const tensorCount = readCount(cursor, 'tensors', SMALLEST_INFO_BYTES, fileBytes, refuse)
  const pairCount = readCount(cursor, 'metadata pairs', SMALLEST_PAIR_BYTES, fileBytes, refuse)
  const metadata = parseMetadata(cursor, pairCount, file, refuse)
  const infos = parseTensorInfos(cursor, tensorCount, refuse)
  const alignment = alignmentOf(metadata, refuse)
  const dataOffset = Math.ceil(cursor.position / alignment) * alignment
  const tensors = placeTensors(infos, { alignment, dataOffset, fileBytes }, refuse)
  return { version, alignment, dataOffset, metadata, tensors }
}

/** Four letters at the beginning, "GGUF", as the number that they make. */
const MAGIC = 0x46554747

function readVersion(cursor: HeaderCursor, refuse: Refuse): 2 | 3 {
  const magic = cursor.u32({ what: 'the mark "GGUF"' })
  if (magic !== MAGIC) {
    const found = `begins with the bytes ${magic
      .toString(16)
      .padStart(8, '0')
      .replace(/(..)(..)(..)(..)/, '$4 $3 $2 $1')}`
    refuse('GGUF_BAD_MAGIC', `${found}, expected "GGUF" (47 47 55 46)`)
  }
  const version = cursor.u32({ what: 'the version' })
  if (version === 2 || version === 3) return version
  // In no version the low half is 0; of the other byte order every small one has it so.
  if (version !== 0 && (version & 0xffff) === 0) {
    refuse('GGUF_BIG_ENDIAN', 'is a big-endian GGUF file; only little-endian ones are read')
  }
  return refuse('GGUF_VERSION_UNSUPPORTED', `is GGUF of version ${version} (byte 4), expected 2 or 3`)
}

/** An empty name, no dimension. */
const SMALLEST_INFO_BYTES = 8 + 4 + 4 + 8
/** An empty key, a value of one byte: shorter ones are refused later. */
const SMALLEST_PAIR_BYTES = 8 + 4 + 1
/** No model has nearly as many, and each one takes memory for its name and place. */
const MAX_COUNT = 1_000_000

function readCount(
  cursor: HeaderCursor,
  what: string,
  smallest: number,
  fileBytes: number,
  refuse: Refuse,
): number {
  const count = cursor.u64({ what: `the number of ${what}` })
  const most = Math.min(MAX_COUNT, Math.floor((fileBytes - cursor.position) / smallest))
  if (count > most) {
    const problem = `announces ${count} ${what}; a file of ${fileBytes} bytes may have ${most}`
    refuse('GGUF_COUNT_IMPOSSIBLE', problem)
  }
  return Number(count)
}

const DEFAULT_ALIGNMENT = 32

function alignmentOf(metadata: GgufMetadata, refuse: Refuse): number {
  const key = 'general.alignment'
  const found = metadata.get(key)
  if (found === undefined) return DEFAULT_ALIGNMENT
  const { type } = found
  if (type !== 'u32') return refuse('GGUF_BAD_ALIGNMENT', `${key} is of type ${type}, expected u32`, { key })
  const { value } = found
  return value !== 0 && Number.isInteger(Math.log2(value))
    ? value
    : refuse('GGUF_BAD_ALIGNMENT', `${key} is ${value}, expected a power of two`, { key })
}
