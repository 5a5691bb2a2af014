import { chmod, lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Removes a file, or a folder with all that it holds, also where folders may not be written: those are opened first. The
 * modes of files are left alone, since a file may have other names.
 *
 * @throws the system's errors; nothing when there is nothing.
 */
export async function removeTree(path: string): Promise<void> {
  const remove = () => rm(path, { recursive: true, force: true })
  await remove().catch(async (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EACCES' && cause.code !== 'EPERM') throw cause
    await openFolders(path)
    await remove()
  })
}

async function openFolders(path: string): Promise<void> {
  if (!(await lstat(path)).isDirectory()) return
  await chmod(path, 0o700)
  for (const name of await readdir(path)) await openFolders(join(path, name))
}
