import { createHash } from 'node:crypto'
import { type BigIntStats, fstat, read } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isCacheFolder, isTrusted } from './cache-folder.js'
import { createWorkFolder } from './work-folder.js'

/**
 * Digests of files, each read once: what was found is noted in the cache folder beside device, inode, size and times of
 * the file. The time of its last change cannot be set, so that a file with the same ones holds the same bytes.
 */
export interface FileDigests {
  /**
   * The digest of an open file, as `joinDigests` has it; read only if it is not noted.
   *
   * @throws the reason of `signal`
   */
  of(fd: number, signal?: AbortSignal): Promise<string>
  /** The noted digest. */
  known(fd: number): Promise<string | undefined>
  /** Notes the digest of a file that nobody writes any more. */
  note(fd: number, digest: string): Promise<void>
}

/** @param cache where digests are noted; where that cannot be written, they are known for as long as this process runs. */
export function fileDigests(cache: string): FileDigests {
  const known: FileDigests['known'] = async (fd) => {
    const key = keyOf(await stat(fd))
    return ownNotes.get(key) ?? (await readNotes(cache)).get(key)
  }
  const keep = async (key: string, digest: string): Promise<void> => {
    ownNotes.set(key, digest)
    await writeNotes(cache, [key, digest]).catch(() => {})
  }
  return {
    known,
    note: async (fd, digest) => keep(keyOf(await stat(fd)), digest),
    async of(fd, signal) {
      const noted = await known(fd)
      if (noted !== undefined) return noted
      const before = await stat(fd)
      const started = BigInt(Date.now()) * 1_000_000n
      const digest = joinDigests(await digestParts(fd, Number(before.size), signal))
      const isSettled = started - before.ctimeNs > SETTLED_NS
      if (isSettled && keyOf(await stat(fd)) === keyOf(before)) await keep(keyOf(before), digest)
      return digest
    },
  }
}

/** Two changes within one tick of the file system's clock look like one. */
const SETTLED_NS = 50_000_000n

/**
 * SHA-256 of each part of an open file, of 32 MiB but the last, as hexadecimal digits.
 *
 * @throws the reason of `signal`
 */
export async function digestParts(fd: number, size: number, signal?: AbortSignal): Promise<string[]> {
  const digests: string[] = []
  const buffer = new Uint8Array(Math.min(READ_BYTES, size))
  for (let start = 0; start < size; start += PART_BYTES) {
    const hash = createHash('sha256')
    const end = Math.min(start + PART_BYTES, size)
    for (let position = start; position < end; ) {
      signal?.throwIfAborted()
      const { bytesRead } = await readAt(fd, buffer, 0, Math.min(buffer.length, end - position), position)
      if (bytesRead === 0) break
      hash.update(buffer.subarray(0, bytesRead))
      position += bytesRead
    }
    digests.push(hash.digest('hex'))
  }
  return digests
}

export const PART_BYTES = 32 * 2 ** 20
/** Hashed at once, while the event loop waits: some milliseconds. */
const READ_BYTES = 4 * 2 ** 20

/** One digest for those of all parts. */
export const joinDigests = (parts: readonly string[]): string =>
  createHash('sha256').update(parts.join()).digest('hex')

const stat = (fd: number): Promise<BigIntStats> =>
  new Promise((resolve, reject) =>
    fstat(fd, { bigint: true }, (error, found) => (error ? reject(error) : resolve(found))),
  )

const readAt = promisify(read)

const keyOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join()

/** What this process has found, whether or not it could be written down. */
const ownNotes = new Map<string, string>()

const NOTES_FILE = 'digests.json'
/** Notes of files that are gone are not looked for; the oldest make room. */
const MAX_NOTES = 512
const MAX_NOTES_BYTES = 2 ** 20

/** Only what the user has written is believed. */
async function readNotes(cache: string): Promise<Map<string, string>> {
  const path = join(cache, NOTES_FILE)
  if (!((await isCacheFolder(cache)) && (await isTrusted(path)))) return new Map()
  try {
    const text = await readFile(path, 'utf8')
    const notes: unknown = text.length > MAX_NOTES_BYTES ? [] : JSON.parse(text)
    return new Map((Array.isArray(notes) ? notes : []).filter(isNote))
  } catch {
    return new Map()
  }
}

const isNote = (note: unknown): note is [string, string] =>
  Array.isArray(note) && note.length === 2 && note.every((part) => typeof part === 'string')

/** Of two processes that write at once, one's note is lost, and its file is read again some day. */
async function writeNotes(cache: string, [key, digest]: readonly [string, string]): Promise<void> {
  const work = await createWorkFolder(cache)
  try {
    const notes = await readNotes(cache)
    notes.delete(key)
    notes.set(key, digest)
    const path = join(work.path, NOTES_FILE)
    await writeFile(path, JSON.stringify([...notes].slice(-MAX_NOTES)), { mode: 0o600 })
    await rename(path, join(cache, NOTES_FILE))
  } finally {
    await work.remove()
  }
}
