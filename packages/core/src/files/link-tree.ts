import { chmod, copyFile, link, lstat, mkdir, readdir, readlink, symlink, utimes } from 'node:fs/promises'
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
    await mkdir(to, { mode: 0o700 })
    for (const name of await readdir(from)) await linkTree(join(from, name), join(to, name))
    // Last: a folder that may not be written can be filled no more, and making one leaves out what the umask does.
    await chmod(to, found.mode & 0o7777)
    await utimes(to, found.atime, found.mtime)
  } else {
    throw unsuitable(from)
  }
}

/**
 * Checks that `linkTree` could take along what a folder holds; a folder that is not there holds nothing.
 *
 * @throws OutputError OUTPUT_UNSUITABLE; the system's errors for what cannot be read.
 */
export async function checkLinkable(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return []
    throw cause
  })
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await checkLinkable(path)
    else if (!entry.isFile() && !entry.isSymbolicLink()) throw unsuitable(path)
  }
}

const unsuitable = (path: string): OutputError =>
  new OutputError('OUTPUT_UNSUITABLE', `${path} is no file, link or folder, and would be lost`, {
    file: path,
    hint: 'Move it elsewhere, or choose another folder for the model.',
  })
