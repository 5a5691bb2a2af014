import { constants } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { fileError, quote, SafetensorsError } from '../errors.js'
import { parseSafetensorsHeader } from '../header/parse-safetensors-header.js'
import { LENGTH_FIELD_BYTES, readHeaderLength } from '../header/read-header-length.js'
import type { SafetensorsHeader, TensorEntry } from '../header/tensor-entry.js'
import { byteRange, type TensorRange } from './byte-range.js'
import { openRegularFile, readFully } from './open-regular-file.js'
import { standInAt } from './stand-in.js'

export interface ReadOptions extends TensorRange {
  /** Stops between two calls to the operating system; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface StreamOptions extends ReadOptions {
  /** Length of every piece but the last; default 4 MiB. */
  readonly chunkBytes?: number
}

/** An open file of which only the header is in memory. */
export interface SafetensorsFile extends AsyncDisposable {
  readonly path: string
  /** Read-only descriptor for reads by position, from any thread; valid until close(). */
  readonly fd: number
  /** Length of the whole file. */
  readonly byteLength: number
  /** `__metadata__`; empty when the file has none. */
  readonly metadata: Readonly<Record<string, string>>
  /** In the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>
  /** The bytes of a tensor or of a part of it, in memory of their own (position 0 of a new ArrayBuffer). */
  read(name: string, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>>
  /** The same piece by piece, each in memory of its own. */
  stream(name: string, options?: StreamOptions): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>
  /** Waits for reads that have begun. Every use afterwards throws SAFETENSORS_CLOSED; a second close does nothing. */
  close(): Promise<void>
}

/** Large enough that a disk is busy, small enough to hold several. */
const DEFAULT_CHUNK_BYTES = 4 * 1024 * 1024

/**
 * Opens a file and reads and checks its header; no tensor is read.
 *
 * @throws {@link SafetensorsError} FILE_NOT_FOUND, FILE_UNREADABLE or what is wrong with the header
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const { handle, size } = await openRegularFile(path)
  try {
    return openedFile(handle, path, size, await readHeader(handle, path, size))
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function readHeader(handle: FileHandle, path: string, fileBytes: number): Promise<SafetensorsHeader> {
  const start = new Uint8Array(Math.min(LENGTH_FIELD_BYTES, fileBytes))
  await readFully(handle, path, start, 0)
  if (looksLikeText(start)) await refuseStandIn(handle, path)
  // The length is checked against the limit and the file before memory is taken for it.
  const header = new Uint8Array(LENGTH_FIELD_BYTES + readHeaderLength(start, path, fileBytes))
  await readFully(handle, path, header, 0)
  return parseSafetensorsHeader(header, { file: path, byteLength: fileBytes })
}

/** The upper bytes of the length of a header are zero. */
const looksLikeText = (start: Uint8Array): boolean => start.byteLength === 0 || start.at(-1) !== 0

async function refuseStandIn(handle: FileHandle, path: string): Promise<void> {
  const standIn = await standInAt(handle).catch((cause: unknown) => {
    throw fileError(cause, path, 'read')
  })
  if (standIn === undefined) return
  throw new SafetensorsError('SAFETENSORS_STAND_IN', `${path} is ${standIn.what} instead of the weights`, {
    file: path,
    hint: standIn.hint,
  })
}

function openedFile(
  handle: FileHandle,
  path: string,
  byteLength: number,
  header: SafetensorsHeader,
): SafetensorsFile {
  let closing: Promise<void> | undefined
  const assertOpen = (): void => {
    if (closing)
      throw new SafetensorsError('SAFETENSORS_CLOSED', `${path} was closed before this use`, { file: path })
  }
  const find = (name: string, range: TensorRange): [start: number, end: number] => {
    assertOpen()
    const entry = header.tensors.get(name)
    if (entry) return byteRange(entry, range, path)
    throw new SafetensorsError('TENSOR_MISSING', `${quote(name)} is not in ${path}`, {
      file: path,
      tensor: name,
    })
  }
  const readPart = async (name: string, start: number, end: number, signal?: AbortSignal) => {
    if (end - start > constants.MAX_LENGTH) {
      const problem = `${end - start} bytes do not fit into one buffer of at most ${constants.MAX_LENGTH}`
      throw new SafetensorsError('SAFETENSORS_READ_TOO_LARGE', `${path}: tensor ${quote(name)}: ${problem}`, {
        file: path,
        tensor: name,
      })
    }
    signal?.throwIfAborted()
    const bytes = new Uint8Array(end - start)
    await readFully(handle, path, bytes, start, () => {
      assertOpen()
      signal?.throwIfAborted()
    })
    return bytes
  }

  const file: SafetensorsFile = {
    path,
    get fd() {
      assertOpen()
      return handle.fd
    },
    byteLength,
    metadata: header.metadata,
    tensors: header.tensors,
    async read(name, { signal, ...range } = {}) {
      const [start, end] = find(name, range)
      return readPart(name, start, end, signal)
    },
    async *stream(name, { signal, chunkBytes = DEFAULT_CHUNK_BYTES, ...range } = {}) {
      const [start, end] = find(name, range)
      if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1) {
        throw new SafetensorsError(
          'SAFETENSORS_RANGE',
          `${path}: chunkBytes is ${chunkBytes}, expected 1 or more`,
          {
            file: path,
            tensor: name,
            hint: 'Leave chunkBytes out to get the default.',
          },
        )
      }
      for (let position = start; position < end; position += chunkBytes) {
        assertOpen()
        yield await readPart(name, position, Math.min(position + chunkBytes, end), signal)
      }
    },
    close() {
      closing ??= handle.close()
      return closing
    },
    [Symbol.asyncDispose]: () => file.close(),
  }
  return file
}
