import { dtypeRank, isSafetensorsDtype, type SafetensorsDtype, safetensorsDtypes } from '../dtypes.js'
import { quote, quoteShape, SafetensorsError, type SafetensorsErrorCode } from '../errors.js'
import { METADATA_KEY } from '../header/parse-entries.js'
import { LENGTH_FIELD_BYTES, MAX_HEADER_BYTES } from '../header/read-header-length.js'
import type { TensorEntry } from '../header/tensor-entry.js'
import { elementCount, packedBytes } from '../header/tensor-size.js'
import { type PlacedTensor, serializeHeader } from './serialize-header.js'

/** What a tensor to be written is, without its bytes. */
export interface TensorSpec {
  readonly name: string
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
}

/** Everything about one file but the data. */
export interface FileLayout {
  readonly fileName: string
  /** Length field, JSON and padding: the first bytes of the file. */
  readonly header: Uint8Array
  readonly byteLength: number
  /** Where each tensor goes, in the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>
}

/** A checked tensor with its length in bytes. */
export type SizedTensor = TensorSpec & { readonly byteLength: number }

/**
 * Checks tensors and metadata that a caller wants to write and computes sizes. `fileName` is for errors only.
 *
 * @throws {@link SafetensorsError} SAFETENSORS_BAD_NAME, SAFETENSORS_DUPLICATE_KEY, SAFETENSORS_UNKNOWN_DTYPE,
 * SAFETENSORS_BAD_SHAPE, SAFETENSORS_SHAPE_OVERFLOW, SAFETENSORS_SIZE_MISMATCH
 */
export function sizeTensors(tensors: Iterable<TensorSpec>, fileName: string): SizedTensor[] {
  const names = new Set<string>()
  return Array.from(tensors, ({ name, dtype, shape }) => {
    const refuse = (code: SafetensorsErrorCode, problem: string): never => {
      throw new SafetensorsError(code, `${fileName}: tensor ${quote(name)} ${problem}`, {
        file: fileName,
        tensor: name,
      })
    }
    if (name === METADATA_KEY)
      refuse('SAFETENSORS_BAD_NAME', 'has the name that the format keeps for metadata')
    if (!isWellFormed(name)) refuse('SAFETENSORS_BAD_NAME', 'has half a surrogate pair in its name')
    if (names.has(name)) refuse('SAFETENSORS_DUPLICATE_KEY', 'is listed twice')
    names.add(name)
    if (!isSafetensorsDtype(dtype)) {
      return refuse(
        'SAFETENSORS_UNKNOWN_DTYPE',
        `has the dtype ${dtype}; known: ${safetensorsDtypes.join(', ')}`,
      )
    }
    if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
      refuse('SAFETENSORS_BAD_SHAPE', `has the shape ${quoteShape(shape)}`)
    }
    const elements = elementCount(shape)
    const byteLength = elements === undefined ? Number.POSITIVE_INFINITY : packedBytes(dtype, elements)
    const described = `of dtype ${dtype} and shape ${quoteShape(shape)}`
    if (byteLength === undefined) {
      return refuse('SAFETENSORS_SIZE_MISMATCH', `${described} does not fill a whole number of bytes`)
    }
    if (!Number.isFinite(byteLength))
      refuse('SAFETENSORS_SHAPE_OVERFLOW', `${described} is larger than any file`)
    return { name, dtype, shape: [...shape], byteLength }
  })
}

/** Refuses values that are not strings, as the reference library does; a caller without types may pass anything. */
export function checkMetadata(metadata: Readonly<Record<string, unknown>>, fileName: string): void {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string' || !isWellFormed(key) || !isWellFormed(value)) {
      const found = typeof value === 'string' ? 'half a surrogate pair' : `a value of type ${typeof value}`
      const problem = `${fileName}: the metadata entry ${quote(key)} has ${found}; expected text`
      throw new SafetensorsError('SAFETENSORS_BAD_METADATA', problem, { file: fileName })
    }
  }
}

/**
 * Places tensors in one file in the order of the reference library: by dtype, largest alignment first, then by name.
 *
 * @throws {@link SafetensorsError} SAFETENSORS_HEADER_TOO_LARGE, SAFETENSORS_SHAPE_OVERFLOW
 */
export function layoutFile(
  fileName: string,
  tensors: readonly SizedTensor[],
  metadata: Readonly<Record<string, string>> | undefined,
): FileLayout {
  let dataBytes = 0
  const placed = sortForFile(tensors).map((tensor) => {
    const start = dataBytes
    dataBytes += tensor.byteLength
    return { ...tensor, start }
  })
  const header = checkedHeader(fileName, placed, metadata)
  const byteLength = header.byteLength + dataBytes
  if (!Number.isSafeInteger(byteLength)) {
    const problem = `${fileName}: the tensors together are larger than any file`
    throw new SafetensorsError('SAFETENSORS_SHAPE_OVERFLOW', problem, { file: fileName })
  }
  const entries = placed.map(({ name, dtype, shape, start, byteLength }): [string, TensorEntry] => [
    name,
    { name, dtype, shape, byteOffset: header.byteLength + start, byteLength },
  ])
  return { fileName, header, byteLength, tensors: new Map(entries) }
}

function checkedHeader(
  fileName: string,
  placed: readonly PlacedTensor[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array {
  const refuse = (found: string, cause?: unknown): never => {
    const problem = `${fileName}: the header would have ${found}; readers accept ${MAX_HEADER_BYTES} bytes`
    const hint = 'Use shorter names and metadata, or smaller shards.'
    throw new SafetensorsError('SAFETENSORS_HEADER_TOO_LARGE', problem, { file: fileName, hint, cause })
  }
  try {
    const header = serializeHeader(placed, metadata)
    const jsonBytes = header.byteLength - LENGTH_FIELD_BYTES
    return jsonBytes > MAX_HEADER_BYTES ? refuse(`${jsonBytes} bytes`) : header
  } catch (cause) {
    // Beyond about 500 million characters the engine refuses to build the text at all.
    if (cause instanceof RangeError) return refuse('more text than a string can hold', cause)
    throw cause
  }
}

function sortForFile(tensors: readonly SizedTensor[]): SizedTensor[] {
  return tensors
    .map((tensor) => ({ tensor, rank: dtypeRank(tensor.dtype), name: Buffer.from(tensor.name, 'utf8') }))
    .sort((left, right) => right.rank - left.rank || Buffer.compare(left.name, right.name))
    .map(({ tensor }) => tensor)
}

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}
