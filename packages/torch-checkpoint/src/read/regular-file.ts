import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { fileError, TorchCheckpointError } from '../errors.js'

/** A file that is read by position. */
export interface RegularFile {
  readonly path: string
  readonly fd: number
  /** When it was opened. */
  readonly byteLength: number
  /** Fills `target`; `beforeCall` may throw to stop between two calls to the operating system. */
  readInto(target: Uint8Array, position: number, beforeCall?: () => void): Promise<void>
  /** Waits for reads that have begun. */
  close(): Promise<void>
}

/** Bytes per call to the operating system: small enough that an aborted signal is noticed soon. */
const BYTES_PER_CALL = 16 * 1024 * 1024

/**
 * Opens a file for reading. Anything but a regular file is refused before it is opened: opening a pipe would wait for
 * its writer, opening a device may do something. What takes the place of a regular file meanwhile is not waited for.
 */
export async function openRegularFile(path: string): Promise<RegularFile> {
  let handle: FileHandle | undefined
  try {
    if ((await stat(path)).isFile()) {
      handle = await open(path, READ_REGULAR)
      const opened = await handle.stat()
      if (opened.isFile()) return regularFile(handle, path, opened.size)
    }
    throw new TorchCheckpointError('FILE_UNREADABLE', `${path} is not a regular file`, { file: path })
  } catch (cause) {
    await handle?.close()
    throw fileError(cause, path)
  }
}

const READ_REGULAR = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

function regularFile(handle: FileHandle, path: string, byteLength: number): RegularFile {
  const readOnce = async (target: Uint8Array, offset: number, length: number, position: number) => {
    try {
      return (await handle.read(target, offset, length, position)).bytesRead
    } catch (cause) {
      throw fileError(cause, path)
    }
  }
  return {
    path,
    get fd() {
      return handle.fd
    },
    byteLength,
    async readInto(target, position, beforeCall) {
      // One call may return less than asked for.
      for (let done = 0; done < target.byteLength; ) {
        beforeCall?.()
        const wanted = Math.min(target.byteLength - done, BYTES_PER_CALL)
        const bytesRead = await readOnce(target, done, wanted, position + done)
        if (bytesRead === 0) {
          const problem = `ended at byte ${position + done}, ${target.byteLength - done} more were expected`
          throw new TorchCheckpointError('FILE_TRUNCATED', `${path} ${problem}`, { file: path })
        }
        done += bytesRead
      }
    },
    close: () => handle.close(),
  }
}
