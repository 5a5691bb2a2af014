import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OutputError } from '@hfquant/core'
import { isComplete, writingToCache } from './cache.js'
import { HubError } from './errors.js'
import { connectionFault, pause } from './hub-fetch.js'
import { giveUp, incompleteName, takeUp } from './incomplete-files.js'
import type { HubFile } from './needed-files.js'

/** A connection that broke is picked up where it ended, as long as bytes keep coming. */
const MAX_TRIES_WITHOUT_BYTES = 3
/** Enough for a bad line and a large file; an end for a server that hands out one byte per connection. */
const MAX_CONNECTIONS = 100
const PAUSE_MS = 100

interface Download {
  readonly fetch: typeof fetch
  readonly url: string
  readonly file: HubFile
  /** Where the bytes lie in the end; nothing is there before all of them are, and agree with the digest. */
  readonly path: string
  readonly signal: AbortSignal | undefined
  /** Called with the number of bytes received so far. */
  readonly onBytes: (received: number) => void
}

/**
 * Downloads one file under another name, checks size and digest, then gives it its name. What an earlier download of
 * the same bytes received is taken up; what this one received before it failed is left for the next, unless it is wrong
 * or the disk is full.
 *
 * @throws HubError `HUB_DOWNLOAD_INTERRUPTED`, `HUB_FILE_CORRUPT` or what the request itself met
 * @throws OutputError `CACHE_NOT_WRITABLE`
 */
export async function downloadBlob(download: Download): Promise<void> {
  const { path, file } = download
  const temporary = incompleteName(path)
  await writingToCache(path, () => mkdir(dirname(path), { recursive: true }))
  const taken = await takeUp(path, temporary, file.size)
  const output = await writingToCache(path, () => open(temporary, taken > 0 ? 'r+' : 'wx+'))
  try {
    try {
      await receiveWhole(download, output, taken)
      await writingToCache(path, () => output.sync())
    } finally {
      await output.close()
    }
    await putInPlace(temporary, download)
  } catch (error) {
    const isUseless =
      OutputError.isInstance(error) || (HubError.isInstance(error) && error.code === 'HUB_FILE_CORRUPT')
    if (isUseless) await rm(temporary, { force: true })
    else await giveUp(temporary, path)
    throw error
  }
}

async function putInPlace(temporary: string, { file, path }: Download): Promise<void> {
  try {
    await rename(temporary, path)
  } catch (cause) {
    // Another process has put the same bytes there; Windows replaces no file that somebody reads.
    if (!(await isComplete(path, file))) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw takenOver(file)
      await writingToCache(path, () => Promise.reject(cause))
    }
    await rm(temporary, { force: true })
  }
}

/** Bytes that a machine lost when it went down look like any others: what was taken up may be wrong, once. */
async function receiveWhole(download: Download, output: FileHandle, taken: number): Promise<void> {
  const { file, path } = download
  if ((await receive(download, output, taken)) === file.oid) return
  if (taken > 0) {
    await writingToCache(path, () => output.truncate())
    if ((await receive(download, output, 0)) === file.oid) return
  }
  throw corrupt(file, 'bytes that do not agree with the digest the hub lists')
}

/** Receives what is missing after `taken` bytes; gives the digest of the whole file. */
async function receive(download: Download, output: FileHandle, taken: number): Promise<string> {
  const { file, path, signal, onBytes } = download
  let hash = await digestOf(output, file, taken, signal)
  let received = taken
  let tries = 0
  if (taken > 0) onBytes(taken)
  for (let connection = 0; received < file.size; connection++) {
    const before = received
    try {
      const { body, start } = await openBody(download, received)
      if (start !== received) [hash, received] = [startDigest(file), start]
      for await (const chunk of body) {
        if (received + chunk.length > file.size)
          throw corrupt(file, `more than the ${file.size} bytes listed`)
        hash.update(chunk)
        await writingToCache(path, () => writeAt(output, chunk, received))
        received += chunk.length
        onBytes(received)
      }
      if (received === file.size) break
      throw interrupted(file, received, 'the connection was closed')
    } catch (error) {
      signal?.throwIfAborted()
      tries = received > before ? 1 : tries + 1
      const failure = isBrokenBody(error) ? interrupted(file, received, connectionFault(error), error) : error
      const isWorthAnotherTry = HubError.isInstance(failure) && PASSING.has(failure.code)
      if (!isWorthAnotherTry || tries >= MAX_TRIES_WITHOUT_BYTES || connection + 1 >= MAX_CONNECTIONS)
        throw failure
      await pause(PAUSE_MS * tries, signal)
    }
  }
  return hash.digest('hex')
}

/** A write may be short; the bytes go where they belong whoever else writes them. */
async function writeAt(output: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await output.write(bytes, done, bytes.length - done, position + done)
    if (bytesWritten === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' })
    done += bytesWritten
  }
}

const PIECE_BYTES = 1024 * 1024

async function digestOf(
  output: FileHandle,
  file: HubFile,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Hash> {
  const hash = startDigest(file)
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, length))
  for (let position = 0; position < length; ) {
    signal?.throwIfAborted()
    const { bytesRead } = await output.read(piece, 0, Math.min(piece.length, length - position), position)
    if (bytesRead === 0) break
    hash.update(piece.subarray(0, bytesRead))
    position += bytesRead
  }
  return hash
}

/** Failures that may be gone a moment later. */
const PASSING: ReadonlySet<string> = new Set(['HUB_DOWNLOAD_INTERRUPTED', 'HUB_UNREACHABLE', 'HUB_TIMEOUT'])

/** @returns the bytes from `start` on: where they were asked for, or 0 if the server sends no parts of files. */
async function openBody(
  { fetch, url, file }: Download,
  wanted: number,
): Promise<{ readonly body: AsyncIterable<Uint8Array>; readonly start: number }> {
  // Ranges of a compressed answer would count compressed bytes.
  const headers: Record<string, string> = { 'accept-encoding': 'identity' }
  if (wanted > 0) headers.range = `bytes=${wanted}-`
  const response = await fetch(url, { headers })
  const start = response.status === 206 ? rangeStart(response, wanted) : 0
  if (start === wanted || start === 0) return { body: response.body ?? new ReadableStream(), start }
  await response.body?.cancel()
  throw new HubError(
    'HUB_RESPONSE_INVALID',
    `"${file.name}" was asked for from byte ${wanted} on and came from byte ${start} on`,
    { file: file.name, found: start, expected: wanted, hint: 'Check HF_ENDPOINT, and proxies on the way.' },
  )
}

/** A server that does not say where a part begins is believed to have read the question; the digest decides. */
const rangeStart = ({ headers }: Response, wanted: number): number =>
  Number(/^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1] ?? wanted)

/** Git names a file by the SHA-1 of its length and bytes, large files go by the SHA-256 of the bytes alone. */
function startDigest({ digest, size }: HubFile): Hash {
  return digest === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`)
}

/** `fetch` reports a connection that ends inside a body as a TypeError of the stream. */
const isBrokenBody = (error: unknown): boolean => error instanceof TypeError

function interrupted({ name, size }: HubFile, received: number, reason: string, cause?: unknown): HubError {
  return new HubError(
    'HUB_DOWNLOAD_INTERRUPTED',
    `"${name}" ended after ${received} of ${size} bytes: ${reason}`,
    {
      file: name,
      found: received,
      expected: size,
      cause,
      hint: 'Try again: what has arrived is kept, and the download goes on from there.',
    },
  )
}

function takenOver({ name }: HubFile): HubError {
  return new HubError('HUB_DOWNLOAD_INTERRUPTED', `"${name}" is being downloaded by another process, too`, {
    file: name,
    hint: 'Try again when that process is done.',
  })
}

function corrupt({ name }: HubFile, found: string): HubError {
  return new HubError('HUB_FILE_CORRUPT', `"${name}" arrived with ${found}`, {
    file: name,
    hint: 'Try again; if it happens twice, a proxy or mirror on the way changes the file: check HF_ENDPOINT.',
  })
}
