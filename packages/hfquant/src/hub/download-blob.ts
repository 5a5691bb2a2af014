import { createHash, type Hash, randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { writingToCache } from './cache.js'
import { HubError } from './errors.js'
import { connectionFault } from './hub-fetch.js'
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
 * Downloads one file under another name, checks size and digest, then gives it its name. A failure removes what was
 * received.
 *
 * @throws HubError `HUB_DOWNLOAD_INTERRUPTED`, `HUB_FILE_CORRUPT` or what the request itself met
 * @throws OutputError `CACHE_NOT_WRITABLE`
 */
export async function downloadBlob(download: Download): Promise<void> {
  const { path } = download
  const temporary = `${path}.${randomUUID()}.incomplete`
  const output = await writingToCache(path, async () => {
    await mkdir(dirname(path), { recursive: true })
    return open(temporary, 'wx')
  })
  try {
    try {
      await receive(download, output)
      await writingToCache(path, () => output.sync())
    } finally {
      await output.close()
    }
    await writingToCache(path, () => rename(temporary, path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function receive(download: Download, output: FileHandle): Promise<void> {
  const { file, path, signal, onBytes } = download
  const hash = startDigest(file)
  let received = 0
  let tries = 0
  for (let connection = 0; received < file.size || connection === 0; connection++) {
    const before = received
    try {
      for await (const chunk of await openBody(download, received)) {
        if (received + chunk.length > file.size)
          throw corrupt(file, `more than the ${file.size} bytes listed`)
        hash.update(chunk)
        await writingToCache(path, () => output.writeFile(chunk))
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
      await setTimeout(PAUSE_MS * tries, undefined, signal ? { signal } : {}).catch(() =>
        signal?.throwIfAborted(),
      )
    }
  }
  if (hash.digest('hex') !== file.oid)
    throw corrupt(file, 'bytes that do not agree with the digest the hub lists')
}

/** Failures that may be gone a moment later. */
const PASSING: ReadonlySet<string> = new Set([
  'HUB_DOWNLOAD_INTERRUPTED',
  'HUB_UNREACHABLE',
  'HUB_UNAVAILABLE',
])

async function openBody({ fetch, url, file }: Download, start: number): Promise<AsyncIterable<Uint8Array>> {
  // Ranges of a compressed answer would count compressed bytes.
  const headers: Record<string, string> = { 'accept-encoding': 'identity' }
  if (start > 0) headers.range = `bytes=${start}-`
  const response = await fetch(url, { headers })
  if (start > 0 && response.status !== 206) {
    await response.body?.cancel()
    throw new HubError(
      'HUB_RESPONSE_INVALID',
      `"${file.name}" broke off and cannot be continued by this server`,
      {
        file: file.name,
        hint: 'Try again; files that were downloaded whole are kept.',
      },
    )
  }
  return response.body ?? new ReadableStream()
}

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
      hint: 'Try again; files that were downloaded whole are kept.',
    },
  )
}

function corrupt({ name }: HubFile, found: string): HubError {
  return new HubError('HUB_FILE_CORRUPT', `"${name}" arrived with ${found}`, {
    file: name,
    hint: 'Try again; if it happens twice, a proxy or mirror on the way changes the file: check HF_ENDPOINT.',
  })
}
