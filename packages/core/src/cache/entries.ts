import { lstat, readdir, readFile, rename, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { outputError } from '../files/output-error.js'
import { ownerOf } from '../files/work-tag.js'
import { isCacheFolder, isTrusted } from './cache-folder.js'
import { createWorkFolder } from './work-folder.js'

/**
 * What is kept in a cache folder. Each entry is a folder, which goes by being renamed, so that nobody sees half of one:
 *
 * ```
 * CACHEDIR.TAG               marks the folder as hfquant's
 * digests.json               of files that were read
 * artifacts/<key>/           a compiled model
 * calibrations/<key>/        blocks of a calibration that was interrupted
 * work/<owner>/              what is being written or removed
 * ```
 */
export type EntryKind = 'artifacts' | 'calibrations'

const KINDS = ['artifacts', 'calibrations'] as const

/** `manifest.json` of an entry, for people. */
export interface EntryManifest {
  readonly key: string
  /** Name of the model. */
  readonly model: string
  /** Path of the model folder. */
  readonly source: string
  /** `quant_method`; null for a float model. */
  readonly method: string | null
  /** ISO 8601. */
  readonly created: string
  /** `workTag` of the process that is adding to the entry, for one that grows. */
  readonly owner?: string
}

/** An entry as it is listed. */
export interface CacheEntry {
  readonly kind: EntryKind
  readonly key: string
  /** Undefined for an entry whose manifest cannot be read. */
  readonly manifest: EntryManifest | undefined
  readonly bytes: number
  readonly lastUsed: Date
}

export const MANIFEST_FILE = 'manifest.json'

export const entryFolder = (cache: string, kind: EntryKind, key: string): string => join(cache, kind, key)

/**
 * True for a folder that may be used as an entry: all of it belongs to the user, and nobody else can write it. False
 * also for one that cannot be read, or that is gone.
 */
export async function isTrustedEntry(cache: string, kind: EntryKind, key: string): Promise<boolean> {
  const folder = entryFolder(cache, kind, key)
  if (!((await isCacheFolder(cache)) && (await isTrusted(folder)))) return false
  const names = await readdir(folder).catch(() => undefined)
  if (names === undefined) return false
  return (await Promise.all(names.map((name) => isTrusted(join(folder, name))))).every(Boolean)
}

/** Notes that an entry was used. */
export async function markUsed(cache: string, kind: EntryKind, key: string): Promise<void> {
  const now = new Date()
  await utimes(join(entryFolder(cache, kind, key), MANIFEST_FILE), now, now).catch(() => {})
}

/** The entries of a cache folder; the one that was used last comes first. */
export async function listEntries(cache: string): Promise<readonly CacheEntry[]> {
  if (!(await isCacheFolder(cache))) return []
  const listed = await Promise.all(
    KINDS.map(async (kind) => {
      const keys = (await readdir(join(cache, kind)).catch(() => [])).filter(isKey)
      return Promise.all(keys.map((key) => describe(cache, kind, key).catch(() => undefined)))
    }),
  )
  return listed
    .flat()
    .filter((entry) => entry !== undefined)
    .sort((left, right) => right.lastUsed.getTime() - left.lastUsed.getTime())
}

/**
 * Removes an entry. A process that is about to open it makes it again; one that has mapped it keeps it.
 *
 * @throws OutputError when the folder cannot be written, or, on Windows, when a process uses it.
 */
export async function removeEntry(cache: string, kind: EntryKind, key: string): Promise<void> {
  const folder = entryFolder(cache, kind, key)
  const work = await createWorkFolder(cache)
  try {
    await rename(folder, join(work.path, key))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw outputError(cause, folder)
  } finally {
    await work.remove()
  }
}

/**
 * Removes damaged entries, then those that were not used for the longest time, until the rest has at most `maxBytes`;
 * and what killed processes left behind. What another process is writing is not touched.
 *
 * @returns what was removed.
 * @throws OutputError as `removeEntry`.
 */
export async function pruneEntries(cache: string, maxBytes: number): Promise<readonly CacheEntry[]> {
  const all = (await listEntries(cache)).filter(({ manifest }) => !isGrowing(manifest))
  if (await isCacheFolder(cache)) await (await createWorkFolder(cache)).remove()
  const damaged = all.filter(({ manifest }) => manifest === undefined)
  const oldestFirst = all.filter(({ manifest }) => manifest !== undefined).reverse()
  let bytes = oldestFirst.reduce((sum, entry) => sum + entry.bytes, 0)
  const removed: CacheEntry[] = []
  for (const entry of [...damaged, ...oldestFirst]) {
    if (entry.manifest !== undefined) {
      if (bytes <= maxBytes) break
      bytes -= entry.bytes
    }
    await removeEntry(cache, entry.kind, entry.key)
    removed.push(entry)
  }
  return removed
}

const isKey = (name: string): boolean => /^[0-9a-f]{32}$/.test(name)

function isGrowing(manifest: EntryManifest | undefined): boolean {
  const state = manifest?.owner === undefined ? undefined : ownerOf(manifest.owner)?.state
  return state === 'self' || state === 'running'
}

async function describe(cache: string, kind: EntryKind, key: string): Promise<CacheEntry | undefined> {
  const folder = entryFolder(cache, kind, key)
  if (!(await lstat(folder)).isDirectory()) return undefined
  const manifest = await readManifest(folder)
  const files = await Promise.all((await readdir(folder)).map((name) => lstat(join(folder, name))))
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  const used = await lstat(manifest === undefined ? folder : join(folder, MANIFEST_FILE))
  return { kind, key, manifest, bytes, lastUsed: used.mtime }
}

/** The manifest as it stands, of whatever was written there. */
export async function readManifest<Manifest extends EntryManifest>(
  folder: string,
): Promise<Manifest | undefined> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, MANIFEST_FILE), 'utf8')) as Manifest
    const { key, model, source, created } = manifest
    return [key, model, source, created].every((value) => typeof value === 'string') ? manifest : undefined
  } catch {
    return undefined
  }
}
