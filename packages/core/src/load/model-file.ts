import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isHubBlob } from '@hfquant/safetensors'
import { CheckpointError } from '../errors/families.js'
import { outputError } from '../files/output-error.js'
import { liesIn } from './lies-in.js'

/**
 * The one way to files of a model folder, which may come from anybody.
 *
 * Only regular files are opened: a named pipe would be waited for, a device has no end. A link may lead to another file of
 * the folder or, as the tools of the hub make them, into the blobs of the hub's cache. A link to anywhere else is refused:
 * what it leads to would be read as a part of the model and copied into folders that are published. Weights are the
 * exception, see `openCheckpoint`; the folder itself may be a link.
 */

interface ModelFile {
  /** Follows no more links. */
  readonly path: string
  readonly stats: Stats
}

/**
 * Checks that a file of a model folder may be opened; opens nothing.
 *
 * @param name relative to the folder.
 * @throws CheckpointError FILE_NOT_FOUND, FILE_UNREADABLE for what is no regular file, FILE_OUTSIDE_FOLDER for a link that
 * leaves the folder.
 */
export async function checkModelFile(folder: string, name: string, hint?: string): Promise<void> {
  await locate(folder, name, hint)
}

/**
 * The bytes of a file of a model folder.
 *
 * @param maxBytes is checked before memory is taken, and while a file grows.
 * @throws CheckpointError as `checkModelFile`; FILE_TOO_LARGE.
 */
export async function readModelFile(
  folder: string,
  name: string,
  { maxBytes, hint }: { readonly maxBytes: number; readonly hint?: string | undefined },
): Promise<Uint8Array> {
  const path = join(folder, name)
  const file = await openModelFile(folder, name, hint)
  try {
    const { size } = await file.stat()
    if (size > maxBytes) throw tooLarge(path, size, maxBytes)
    // One byte more than there are: reading ends where the file ends, also if it grew.
    let bytes = new Uint8Array(size + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.byteLength - length, length)
      length += bytesRead
      if (bytesRead === 0) return bytes.subarray(0, length)
      if (length > maxBytes) throw tooLarge(path, length, maxBytes)
      if (length === bytes.byteLength) bytes = enlarged(bytes)
    }
  } catch (cause) {
    throw readError(path, cause, hint)
  } finally {
    await file.close()
  }
}

/**
 * Copies a file of a model folder.
 *
 * @throws CheckpointError as `checkModelFile`; OutputError when `to` cannot be written.
 */
export async function copyModelFile(folder: string, name: string, to: string): Promise<void> {
  const from = await openModelFile(folder, name)
  try {
    const target = await open(to, 'w').catch((cause) => {
      throw outputError(cause, to)
    })
    try {
      const chunk = new Uint8Array(COPY_BYTES)
      for (;;) {
        const { bytesRead } = await from.read(chunk, 0, chunk.byteLength, null).catch((cause) => {
          throw readError(join(folder, name), cause, undefined)
        })
        if (bytesRead === 0) return
        await target.writeFile(chunk.subarray(0, bytesRead)).catch((cause) => {
          throw outputError(cause, to)
        })
      }
    } finally {
      await target.close()
    }
  } finally {
    await from.close()
  }
}

const COPY_BYTES = 2 ** 20

/** Where a link of the folder leads, when it leaves the folder; undefined for everything else. */
export async function leavingLink(folder: string, name: string): Promise<string | undefined> {
  try {
    await locate(folder, name, undefined)
  } catch (error) {
    if (!CheckpointError.isInstance(error) || error.code !== OUTSIDE) throw error
    return error.found as string
  }
  return undefined
}

const OUTSIDE = 'FILE_OUTSIDE_FOLDER'

async function openModelFile(folder: string, name: string, hint?: string): Promise<FileHandle> {
  const { path } = await locate(folder, name, hint)
  let file: FileHandle | undefined
  try {
    file = await open(path, READ_REGULAR)
    if ((await file.stat()).isFile()) return file
  } catch (cause) {
    await file?.close()
    throw readError(join(folder, name), cause, hint)
  }
  await file.close()
  throw notRegular(join(folder, name))
}

/** The file may be exchanged after it was looked at: a pipe is then opened without waiting, a link not at all. */
const READ_REGULAR =
  constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0) | (constants.O_NOFOLLOW ?? 0)

async function locate(folder: string, name: string, hint: string | undefined): Promise<ModelFile> {
  const path = join(folder, name)
  let found: ModelFile
  try {
    const stats = await lstat(path)
    // Only the last part of the path was looked at.
    const mayLeave = stats.isSymbolicLink() || dirname(name) !== '.'
    found = mayLeave ? await follow(folder, path) : { path, stats }
  } catch (cause) {
    throw readError(path, cause, hint)
  }
  if (!found.stats.isFile()) throw notRegular(path)
  return found
}

async function follow(folder: string, path: string): Promise<ModelFile> {
  const [home, target] = await Promise.all([realpath(folder), realpath(path)])
  if (!liesIn(target, home) && !isBlob(target, home)) throw outside(path, target)
  return { path: target, stats: await stat(target) }
}

/**
 * The hub's cache keeps files under the names of their digests, `models--<id>/blobs/<digest>`, and links to them from
 * `snapshots/<revision>` beside, or from a folder into which the tools were told to download.
 */
function isBlob(target: string, home: string): boolean {
  if (isHubBlob(target)) return true
  const snapshots = dirname(home)
  return basename(snapshots) === 'snapshots' && liesIn(target, join(dirname(snapshots), 'blobs'))
}

function enlarged(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * bytes.byteLength + 2 ** 16)
  larger.set(bytes)
  return larger
}

function outside(path: string, target: string): CheckpointError {
  return new CheckpointError(
    OUTSIDE,
    `${path} is a link to ${target}, which is not in the folder of the model`,
    {
      file: path,
      found: target,
      expected: 'a file of the folder',
      hint: 'If it belongs to the model, put the file itself into the folder; otherwise remove the link.',
    },
  )
}

function notRegular(path: string): CheckpointError {
  return new CheckpointError('FILE_UNREADABLE', `${path} is not a regular file`, {
    file: path,
    hint: 'Remove it, or put the file itself in its place.',
  })
}

function tooLarge(path: string, found: number, maxBytes: number): CheckpointError {
  return new CheckpointError('FILE_TOO_LARGE', `${path} has ${found} bytes, at most ${maxBytes} expected`, {
    file: path,
    found,
    expected: maxBytes,
    hint: 'Check that the file is what its name says.',
  })
}

function readError(path: string, cause: unknown, hint: string | undefined): CheckpointError {
  if (CheckpointError.isInstance(cause)) return cause
  const { code } = cause as { code?: string }
  const absent = code === 'ENOENT' || code === 'ENOTDIR'
  return new CheckpointError(
    absent ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE',
    `${path} ${absent ? 'does not exist' : `cannot be read (${code})`}`,
    { file: path, hint: hint ?? (absent ? 'Check the path.' : 'Check that the file may be read.'), cause },
  )
}
