import { type FileHandle, open, rm } from 'node:fs/promises'
import { fileError, quote, SafetensorsError } from '../errors.js'
import type { FileLayout } from './layout-file.js'
import { writeFully } from './write-fully.js'

/** A file with its header and full length; data goes to the positions of its layout, in any order. */
export interface SafetensorsFileWriter extends AsyncDisposable {
  readonly path: string
  /** Descriptor for writes by position, from any thread; valid until close(). */
  readonly fd: number
  /**
   * Writes into a tensor, `byteOffset` bytes after its start (default 0).
   *
   * @throws {@link SafetensorsError} TENSOR_MISSING, SAFETENSORS_RANGE, SAFETENSORS_CLOSED, FILE_NOT_WRITABLE
   */
  write(name: string, bytes: Uint8Array, byteOffset?: number): Promise<void>
  /** Returns when everything written so far is on the disk. */
  sync(): Promise<void>
  /** Every use afterwards throws SAFETENSORS_CLOSED; a second close does nothing. */
  close(): Promise<void>
}

/**
 * Creates a file, writes the header and sets the length. Data that is never written reads as zeros.
 *
 * @throws {@link SafetensorsError} FILE_EXISTS, FILE_NOT_FOUND (no such folder), FILE_NOT_WRITABLE
 */
export async function createSafetensorsFile(
  path: string,
  layout: FileLayout,
): Promise<SafetensorsFileWriter> {
  const handle = await attempt(path, () => open(path, 'wx+'))
  try {
    await attempt(path, () => writeFully(handle, layout.header, 0))
    await attempt(path, () => handle.truncate(layout.byteLength))
    return writerOf(handle, path, layout)
  } catch (error) {
    await handle.close()
    await rm(path, { force: true })
    throw error
  }
}

function writerOf(handle: FileHandle, path: string, layout: FileLayout): SafetensorsFileWriter {
  let closing: Promise<void> | undefined
  const assertOpen = (): void => {
    if (closing)
      throw new SafetensorsError('SAFETENSORS_CLOSED', `${path} was closed before this use`, { file: path })
  }
  const positionOf = (name: string, bytes: Uint8Array, byteOffset: number): number => {
    const entry = layout.tensors.get(name)
    if (entry === undefined) {
      const hint = 'Write only tensors of the layout that the file was created with.'
      throw new SafetensorsError('TENSOR_MISSING', `${quote(name)} is not in the layout of ${path}`, {
        file: path,
        tensor: name,
        hint,
      })
    }
    const end = byteOffset + bytes.byteLength
    if (!Number.isSafeInteger(byteOffset) || byteOffset < 0 || end > entry.byteLength) {
      const problem = `has ${entry.byteLength} bytes; [${byteOffset}, ${end}) does not lie inside`
      throw new SafetensorsError('SAFETENSORS_RANGE', `${path}: tensor ${quote(name)} ${problem}`, {
        file: path,
        tensor: name,
      })
    }
    return entry.byteOffset + byteOffset
  }

  const writer: SafetensorsFileWriter = {
    path,
    get fd() {
      assertOpen()
      return handle.fd
    },
    async write(name, bytes, byteOffset = 0) {
      assertOpen()
      const position = positionOf(name, bytes, byteOffset)
      await attempt(path, () => writeFully(handle, bytes, position))
    },
    async sync() {
      assertOpen()
      await attempt(path, () => handle.sync())
    },
    close() {
      closing ??= attempt(path, () => handle.close())
      return closing
    },
    [Symbol.asyncDispose]: () => writer.close(),
  }
  return writer
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    throw fileError(cause, path, 'write')
  }
}
