import { createHash, randomUUID } from 'node:crypto'
import { lstat, readdir, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { isRunning } from '@hfquant/core'

/** A download that receives nothing ends long before; only a process that is gone writes nothing for so long. */
const SILENT_FOR_MS = 10 * 60_000
/** Nobody takes up a download of a file that the model may not even have any more. */
const FORGOTTEN_AFTER_MS = 7 * 24 * 3_600_000

const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
/** The owner of a file that was given up: no process. */
const NOBODY = 0
const NAME =
  /^(?<final>.+?)\.(?:(?<host>[0-9a-f]{8})-(?<pid>\d+)-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.incomplete$/

/**
 * The name under which this process writes `path` until it is whole. It says who writes, so that others can tell what
 * was left behind from what is being written.
 */
export const incompleteName = (path: string): string => nameOf(path, process.pid)

const nameOf = (path: string, owner: number): string => `${path}.${HOST}-${owner}-${randomUUID()}.incomplete`

/** Leaves what there is of `path` to whoever wants it next, this process included. */
export async function giveUp(temporary: string, path: string): Promise<void> {
  const { size } = await lstat(temporary).catch(() => ({ size: 0 }))
  if (size === 0) await rm(temporary, { force: true })
  else await rename(temporary, nameOf(path, NOBODY)).catch(() => {})
}

/**
 * Takes up the longest piece of `path` that was left behind and has at most `mostBytes`, under the name `temporary`.
 * Its owner may be alive after all, on a machine of the same name: it then finds its file gone when it is done, and
 * until then writes what belongs there.
 *
 * @returns its bytes; 0 if there is none, and no file `temporary` then
 */
export async function takeUp(path: string, temporary: string, mostBytes: number): Promise<number> {
  const left = (await leftBehind(dirname(path))).filter(({ final }) => final === basename(path))
  for (const piece of left.sort((a, b) => b.size - a.size)) {
    if (piece.size === 0 || piece.size > mostBytes) continue
    const isTaken = await rename(piece.path, temporary).then(
      () => true,
      () => false, // Somebody else was quicker.
    )
    if (isTaken) return piece.size
  }
  return 0
}

/** Removes what was left behind in a folder of files that are whole by now, or were forgotten. Enters no subfolder. */
export async function removeLeftBehind(folder: string): Promise<void> {
  for (const { path, final, age } of await leftBehind(folder)) {
    const isWhole = (await lstat(join(folder, final)).catch(() => undefined)) !== undefined
    if (isWhole || age > FORGOTTEN_AFTER_MS) await rm(path, { force: true })
  }
}

interface LeftFile {
  readonly path: string
  /** Name of the file that it was to become. */
  readonly final: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since it was written. */
  readonly age: number
}

/** Files of other tools have other names, and are not looked at. */
async function leftBehind(folder: string): Promise<LeftFile[]> {
  const names = await readdir(folder).catch(() => [])
  const files = await Promise.all(
    names.map(async (name): Promise<LeftFile[]> => {
      const groups = NAME.exec(name)?.groups
      if (groups === undefined) return []
      const path = join(folder, name)
      const found = await lstat(path).catch(() => undefined)
      if (found === undefined || found.isDirectory()) return []
      const { final = '', host, pid } = groups
      const age = Date.now() - found.mtimeMs
      const isLeft = (host === HOST && !isAlive(Number(pid))) || age > SILENT_FOR_MS
      return isLeft ? [{ path, final, size: found.size, age }] : []
    }),
  )
  return files.flat()
}

const isAlive = (pid: number): boolean => pid !== NOBODY && isRunning(pid)
