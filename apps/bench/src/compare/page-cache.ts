import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/**
 * Lets the system forget what it has in memory of files, so that they are read from the disk again: GNU dd asks for that
 * of a file that is open with `nocache`, and needs no privilege. Pages that a process has mapped stay.
 *
 * @param path a file, or a folder with all that is in it; one that there is not has nothing in memory.
 * @returns false where the system cannot be asked.
 */
export async function dropFromPageCache(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return true
  const files = found.isDirectory() ? await filesIn(path) : [path]
  try {
    for (const file of files) await promisify(execFile)('dd', [`if=${file}`, 'iflag=nocache', 'count=0'])
    return true
  } catch {
    return false
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
