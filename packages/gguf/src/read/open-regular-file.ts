import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { fileError, GgufError } from '../errors.js'

/** A file that was opened for reading. */
export interface RegularFile {
  readonly handle: FileHandle
  /** Bytes when it was opened. */
  readonly size: number
}

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
      if (opened.isFile()) return { handle, size: opened.size }
    }
    throw new GgufError('FILE_UNREADABLE', `${path} is not a regular file`, { file: path })
  } catch (cause) {
    await handle?.close()
    throw fileError(cause, path)
  }
}

const READ_REGULAR = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

/** Bytes per call to the operating system: small enough that an aborted signal is noticed soon. */
const BYTES_PER_CALL = 16 * 1024 * 1024

/**
 * Fills `target` from a position of the file. One call may return less than asked for, so it repeats.
 * `beforeCall` may throw to stop between two calls.
 */
export async function readFully(
  handle: FileHandle,
  path: string,
  target: Uint8Array,
  position: number,
  beforeCall: () => void = () => {},
): Promise<void> {
  for (let done = 0; done < target.byteLength; ) {
    beforeCall()
    const wanted = Math.min(target.byteLength - done, BYTES_PER_CALL)
    const bytesRead = await readOnce(handle, path, target, done, wanted, position + done)
    if (bytesRead === 0) {
      throw new GgufError(
        'GGUF_TRUNCATED',
        `${path} ended at byte ${position + done}, ${target.byteLength - done} more were expected`,
        { file: path, hint: 'The file became shorter while it was open; do not write to a file in use.' },
      )
    }
    done += bytesRead
  }
}

async function readOnce(
  handle: FileHandle,
  path: string,
  target: Uint8Array,
  offset: number,
  length: number,
  position: number,
): Promise<number> {
  try {
    return (await handle.read(target, offset, length, position)).bytesRead
  } catch (cause) {
    throw fileError(cause, path)
  }
}
