import { copyFile, link, mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { OutputError } from '@hfquant/core'
import type { HubSettings } from './hub-settings.js'
import { incompleteName, removeLeftBehind } from './incomplete-files.js'
import type { HubFile } from './needed-files.js'

/**
 * One model in the cache that all Hugging Face tools share:
 *
 * ```
 * models--org--name/
 *   blobs/<digest>                    the bytes
 *   refs/<revision>                   the commit a branch or tag stood for
 *   snapshots/<commit>/<file>         links into blobs
 * ```
 */
export interface CachedModel {
  readonly blobs: string
  blob(file: HubFile): string
  snapshot(commit: string): string
  ref(revision: string): string
}

export function cachedModel({ cacheFolder }: HubSettings, model: string): CachedModel {
  const folder = join(cacheFolder, `models--${model.replaceAll('/', '--')}`)
  const blobs = join(folder, 'blobs')
  return {
    blobs,
    blob: ({ oid }) => join(blobs, oid),
    snapshot: (commit) => join(folder, 'snapshots', commit),
    ref: (revision) => join(folder, 'refs', revision),
  }
}

/** True if `path` exists, through links, with exactly the bytes that `file` has. */
export async function isComplete(path: string, file: HubFile): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.size === file.size
}

/** Makes `snapshots/<commit>/<file>` show the blob; whatever stood there before is replaced in one step. */
export async function linkIntoSnapshot(cached: CachedModel, commit: string, file: HubFile): Promise<void> {
  const blob = cached.blob(file)
  const path = join(cached.snapshot(commit), file.name)
  await replace(path, async (temporary) => {
    try {
      await symlink(relative(dirname(path), blob), temporary)
    } catch {
      // Windows without developer mode has no symbolic links; a hard link costs no space either.
      await link(blob, temporary).catch(() => copyFile(blob, temporary))
    }
  })
}

/** Remembers which commit `revision` stood for, once everything of that commit is there. */
export async function writeRef(cached: CachedModel, revision: string, commit: string): Promise<void> {
  await replace(cached.ref(revision), (temporary) => writeFile(temporary, commit))
}

/** Removes what processes that were killed left in the parts of the cache that `revision` touches. */
export async function tidy(
  cached: CachedModel,
  revision: string,
  commit: string,
  files: readonly HubFile[],
): Promise<void> {
  const snapshot = cached.snapshot(commit)
  const own = files.map(({ name }) => dirname(join(snapshot, name)))
  for (const folder of new Set([cached.blobs, snapshot, ...own, dirname(cached.ref(revision))]))
    await removeLeftBehind(folder)
}

/** Reports a failed write as what it is for the caller: the cache folder is full or may not be written. */
export async function writingToCache<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new OutputError('CACHE_NOT_WRITABLE', `${path} cannot be written: ${code}`, {
      file: path,
      cause,
      hint: 'Free some space, or set HF_HOME to a folder that may be written.',
    })
  }
}

async function replace(path: string, create: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = incompleteName(path)
  await writingToCache(path, async () => {
    await mkdir(dirname(path), { recursive: true })
    try {
      await create(temporary)
      await rename(temporary, path)
    } finally {
      await rm(temporary, { force: true })
    }
  })
}
