import { constants } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { quote, refuseFor } from '../errors.js'
import type { GgufHeader } from '../header/gguf-header.js'
import { MAX_HEADER_BYTES } from '../header/header-cursor.js'
import { headerWithin } from '../header/parse-gguf-header.js'
import { byteRange, type TensorRange } from './byte-range.js'
import { openRegularFile, readFully } from './open-regular-file.js'
import { standInOf } from './stand-in.js'

export interface ReadOptions extends TensorRange {
  /** Stops between two calls to the operating system; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface StreamOptions extends ReadOptions {
  /** Length of every piece but the last; default 4 MiB. */
  readonly chunkBytes?: number
}

/** An open file of which only the header is in memory. */
export interface GgufFile extends GgufHeader, AsyncDisposable {
  readonly path: string
  /** Read-only descriptor for reads by position, from any thread; valid until close(). */
  readonly fd: number
  /** Length of the whole file. */
  readonly byteLength: number
  /** The blocks of a tensor or of a part of it, in memory of their own (position 0 of a new ArrayBuffer). */
  read(name: string, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>>
  /** The same piece by piece, each in memory of its own. */
  stream(name: string, options?: StreamOptions): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>
  /** Waits for reads that have begun. Every use afterwards throws GGUF_CLOSED; a second close does nothing. */
  close(): Promise<void>
}

/** Large enough that a disk is busy, small enough to hold several. */
const DEFAULT_CHUNK_BYTES = 4 * 1024 * 1024

/**
 * Opens a file and reads and checks its header; no tensor is read.
 *
 * @throws {@link GgufError} FILE_NOT_FOUND, FILE_UNREADABLE or what is wrong with the header
 */
export async function openGguf(path: string): Promise<GgufFile> {
  const { handle, size } = await openRegularFile(path)
  try {
    return openedFile(handle, path, size, await readHeader(handle, path, size))
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Holds the header of a small vocabulary; one of a large one takes three steps more. */
const FIRST_WINDOW_BYTES = 1024 * 1024

/** The length of a header stands nowhere: a window grows until the header lies in it. */
async function readHeader(handle: FileHandle, path: string, fileBytes: number): Promise<GgufHeader> {
  let window = new Uint8Array(Math.min(FIRST_WINDOW_BYTES, fileBytes))
  await readFully(handle, path, window, 0)
  refuseStandIn(window, path)
  for (;;) {
    const found = headerWithin(window, path, fileBytes)
    if (typeof found !== 'number') return found
    const wanted = Math.max(found, 2 * window.byteLength)
    const larger = new Uint8Array(Math.min(wanted, fileBytes, MAX_HEADER_BYTES))
    larger.set(window)
    await readFully(handle, path, larger.subarray(window.byteLength), window.byteLength)
    window = larger
  }
}

function refuseStandIn(start: Uint8Array, path: string): void {
  const standIn = standInOf(start)
  if (standIn === undefined) return
  refuseFor(path)('GGUF_STAND_IN', `is ${standIn.what} instead of the model`, { hint: standIn.hint })
}

function openedFile(handle: FileHandle, path: string, byteLength: number, header: GgufHeader): GgufFile {
  const refuse = refuseFor(path)
  let closing: Promise<void> | undefined
  const assertOpen = (): void => {
    if (closing) refuse('GGUF_CLOSED', 'was closed before this use')
  }
  const find = (name: string, range: TensorRange): [start: number, end: number] => {
    assertOpen()
    const tensor = header.tensors.get(name)
    return tensor
      ? byteRange(tensor, range, refuse)
      : refuse('TENSOR_MISSING', `${quote(name)} is not in the file`, { tensor: name })
  }
  const readPart = async (name: string, start: number, end: number, signal?: AbortSignal) => {
    if (end - start > constants.MAX_LENGTH) {
      const problem = `${end - start} bytes do not fit into one buffer of at most ${constants.MAX_LENGTH}`
      refuse('GGUF_READ_TOO_LARGE', `tensor ${quote(name)}: ${problem}`, { tensor: name })
    }
    signal?.throwIfAborted()
    const bytes = new Uint8Array(end - start)
    await readFully(handle, path, bytes, start, () => {
      assertOpen()
      signal?.throwIfAborted()
    })
    return bytes
  }

  const file: GgufFile = {
    ...header,
    path,
    get fd() {
      assertOpen()
      return handle.fd
    },
    byteLength,
    async read(name, { signal, ...range } = {}) {
      const [start, end] = find(name, range)
      return readPart(name, start, end, signal)
    },
    async *stream(name, { signal, chunkBytes = DEFAULT_CHUNK_BYTES, ...range } = {}) {
      const [start, end] = find(name, range)
      if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1) {
        const hint = 'Leave chunkBytes out to get the default.'
        refuse('GGUF_RANGE', `chunkBytes is ${chunkBytes}, expected 1 or more`, { tensor: name, hint })
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
