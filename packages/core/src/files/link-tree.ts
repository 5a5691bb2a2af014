import { copyFile, link, lstat, mkdir, readdir, readlink, symlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { OutputError } from '../errors/families.js'

/**
 * Gives a file, a link or a folder with all that it holds a second name. Files take no further space, except where the
 * file system knows no links.
 *
 * @throws OutputError OUTPUT_UNSUITABLE for what is neither, such as a socket; the system's errors.
 */
export async function linkTree(from: string, to: string): Promise<void> {
  const found = await lstat(from)
  if (found.isFile()) {
    await link(from, to).catch(() => copyFile(from, to))
  } else if (found.isSymbolicLink()) {
    await symlink(await readlink(from), to)
  } else if (found.isDirectory()) {
    await mkdir(to, { mode: found.mode & 0o7777 })
    for (const name of await readdir(from)) await linkTree(join(from, name), join(to, name))
    await utimes(to, found.atime, found.mtime)
  } else {
    throw new OutputError('OUTPUT_UNSUITABLE', `${from} is no file, link or folder, and would be lost`, {
      file: from,
      hint: 'Move it elsewhere, or choose another folder for the model.',
    })
  }
}
