import { lstat, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { OutputError } from '../errors/families.js'
import { outputError } from '../files/output-error.js'
import { isAbandoned, ownerOf, workTag } from '../files/work-tag.js'
import { isTrusted, openCacheFolder, untrusted } from './cache-folder.js'

/** A folder in which one process works. Its name says whose it is. */
export interface WorkFolder {
  readonly path: string
  remove(): Promise<void>
}

/**
 * Makes a folder in a cache folder, on the file system of what will be kept there, and removes those that killed
 * processes left behind.
 *
 * @throws OutputError as `openCacheFolder`.
 */
export async function createWorkFolder(cache: string): Promise<WorkFolder> {
  await openCacheFolder(cache)
  const parent = join(cache, WORK)
  const path = join(parent, workTag())
  try {
    await mkdir(parent, { mode: 0o700, recursive: true })
    if (!(await isTrusted(parent))) throw untrusted(parent)
    await mkdir(path, { mode: 0o700 })
    await removeAbandoned(parent, '', path)
  } catch (cause) {
    throw outputError(cause, path)
  }
  return workFolder(path)
}

/** Takes over the work folder of another process, which may end meanwhile: what it left would be removed. */
export async function adoptWorkFolder(path: string): Promise<WorkFolder> {
  const adopted = join(dirname(path), workTag())
  try {
    await rename(path, adopted)
    return workFolder(adopted)
  } catch (cause) {
    throw outputError(cause, path)
  }
}

/** True while a process works on something of that name: it has given it to a file or folder in its work folder. */
export async function isWorkedOn(cache: string, name: string): Promise<boolean> {
  const parent = join(cache, WORK)
  const tags = await readdir(parent).catch(() => [])
  const isThere = async (tag: string) =>
    ['self', 'running'].includes(ownerOf(tag)?.state ?? '') &&
    (await lstat(join(parent, tag, name)).catch(() => undefined)) !== undefined
  return (await Promise.all(tags.map(isThere))).some(Boolean)
}

/**
 * Makes a folder for files of this process alone: in the cache folder, or, where that cannot be used, under a name that
 * nobody can take first in the folder for temporary files.
 *
 * @throws OutputError when neither can be written.
 */
export async function createScratchFolder(cache: string): Promise<WorkFolder> {
  try {
    return await createWorkFolder(cache)
  } catch (error) {
    if (!OutputError.isInstance(error)) throw error
    return createTemporaryFolder()
  }
}

/** A folder below the system's folder for temporary files, which only this user may enter. */
export async function createTemporaryFolder(): Promise<WorkFolder> {
  const parent = tmpdir()
  try {
    const path = await mkdtemp(join(parent, `${TEMPORARY}${workTag()}-`))
    await removeAbandoned(parent, TEMPORARY, path)
    return workFolder(path)
  } catch (cause) {
    throw outputError(cause, parent)
  }
}

const WORK = 'work'
const TEMPORARY = 'hfquant-work-'

const workFolder = (path: string): WorkFolder => ({
  path,
  remove: () => rm(path, { recursive: true, force: true }),
})

/**
 * Removes the folders of the user that have names of work folders and that nobody works in; what cannot be removed stays.
 *
 * @param latest a folder that was made a moment ago, which tells the time of the file system
 */
async function removeAbandoned(parent: string, prefix: string, latest: string): Promise<void> {
  const now = (await lstat(latest)).mtimeMs
  for (const name of await readdir(parent)) {
    const path = join(parent, name)
    if (!name.startsWith(prefix) || path === latest) continue
    const tag = prefix === '' ? name : name.slice(prefix.length).replace(/-[^-]{6}$/, '')
    if ((await isAbandoned(tag, path, now)) && (await isTrusted(path))) {
      await rm(path, { recursive: true, force: true }).catch(() => {})
    }
  }
}
