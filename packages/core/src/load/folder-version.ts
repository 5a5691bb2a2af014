import { stat } from 'node:fs/promises'
import { CheckpointError } from '../errors/families.js'

/** How often a folder that is replaced again and again is read again. */
const MAX_READS = 5

/**
 * What tells a folder from one that takes its place later; undefined when there is none. Numbers of removed folders are
 * given out again, times of creation are not.
 */
export async function folderIdentity(folder: string): Promise<string | undefined> {
  const found = await stat(folder, { bigint: true }).catch(() => undefined)
  return found && `${found.dev}:${found.ino}:${found.birthtimeNs}`
}

/**
 * Reads a folder of which nothing was replaced meanwhile, neither the folder nor one of the files that are named. What
 * was read of two versions is given back to `release` and read again.
 *
 * @param files paths of files that are written anew whenever the content changes.
 * @throws CheckpointError FOLDER_REPLACED when that happens time and again; whatever `read` throws of one version.
 */
export async function readOneVersion<Result>(
  folder: string,
  files: readonly string[],
  read: () => Promise<Result>,
  release: (result: Result) => Promise<void>,
): Promise<Result> {
  const versionOf = async () => (await Promise.all([folderIdentity(folder), ...files.map(modified)])).join()
  const modified = async (path: string) => {
    const found = await stat(path, { bigint: true }).catch(() => undefined)
    return found && `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}`
  }
  for (let reads = 1; ; reads++) {
    const before = await versionOf()
    try {
      const result = await read()
      if ((await versionOf()) === before) return result
      await release(result)
    } catch (error) {
      if ((await versionOf()) === before) throw error
    }
    if (reads === MAX_READS) throw replaced(folder, 'while it was read')
  }
}

/**
 * Reads files of a folder that was opened earlier.
 *
 * @param identity of the folder when it was opened.
 * @throws CheckpointError FOLDER_REPLACED when another folder stands in its place; whatever `read` throws.
 */
export async function readUnreplaced<Result>(
  folder: string,
  identity: string | undefined,
  read: () => Promise<Result>,
): Promise<Result> {
  const check = async () => {
    if ((await folderIdentity(folder)) !== identity)
      throw replaced(folder, 'after the model was loaded from it')
  }
  await check()
  const result = await read()
  await check()
  return result
}

const replaced = (folder: string, when: string): CheckpointError =>
  new CheckpointError('FOLDER_REPLACED', `${folder} was replaced by another folder ${when}`, {
    file: folder,
    hint: 'Load the model again once nobody writes it.',
  })
