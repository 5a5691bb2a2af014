import { randomBytes } from 'node:crypto'
import { lstat, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isAbandoned, workTag } from '@hfquant/core/runtime'

/** Nobody takes up a download of a file that the model may not even have any more. */
const FORGOTTEN_AFTER_MS = 7 * 24 * 3_600_000

/** What comes between the name of the file and the ending: a tag of whoever writes, or that nobody does any more. */
const NAME = /^(?<final>.+)\.(?<tag>[^.]+)\.incomplete$/
const GIVEN_UP = /^hfquant-left-[0-9a-f]{16}$/

/**
 * The name under which this process writes `path` until it is whole. It says who writes, so that others can tell what
 * was left behind from what is being written.
 */
export const incompleteName = (path: string): string => `${path}.${workTag()}.incomplete`

/** Leaves what there is of `path` to whoever wants it next, this process included. */
export async function giveUp(temporary: string, path: string): Promise<void> {
  const { size } = await lstat(temporary).catch(() => ({ size: 0 }))
  if (size === 0) await rm(temporary, { force: true })
  else {
    const left = `${path}.hfquant-left-${randomBytes(8).toString('hex')}.incomplete`
    await rename(temporary, left).catch(() => {})
  }
}

/**
 * Takes up the longest piece of `path` that was left behind and has at most `mostBytes`, under the name `temporary`.
 * Its owner may be alive after all, on another machine: it then finds its file gone when it is done, and until then
 * writes what belongs there.
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

/**
 * Removes what was left behind in a folder and holds nothing, is of a file that is whole by now, or was forgotten. Enters
 * no subfolder. What cannot be removed stays: it hinders nobody.
 */
export async function removeLeftBehind(folder: string): Promise<void> {
  for (const { path, final, size, age } of await leftBehind(folder)) {
    const isWhole = (await lstat(join(folder, final)).catch(() => undefined)) !== undefined
    if (isWhole || size === 0 || age > FORGOTTEN_AFTER_MS) await rm(path, { force: true }).catch(() => {})
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
  const incomplete = names.filter((name) => NAME.test(name))
  const now = incomplete.length === 0 ? undefined : await timeOf(folder)
  if (now === undefined) return []
  const files = await Promise.all(
    incomplete.map(async (name): Promise<LeftFile[]> => {
      const { final = '', tag = '' } = NAME.exec(name)?.groups ?? {}
      const path = join(folder, name)
      const found = await lstat(path).catch(() => undefined)
      if (found === undefined || found.isDirectory()) return []
      const isLeft = GIVEN_UP.test(tag) || (await isAbandoned(tag, path, now))
      return isLeft ? [{ path, final, size: found.size, age: now - found.mtimeMs }] : []
    }),
  )
  return files.flat()
}

/** The time of the file system, whose clock may be another machine's; undefined for a folder that cannot be written. */
async function timeOf(folder: string): Promise<number | undefined> {
  const probe = incompleteName(join(folder, 'time'))
  try {
    await writeFile(probe, '')
    return (await lstat(probe)).mtimeMs
  } catch {
    return undefined
  } finally {
    await rm(probe, { force: true }).catch(() => {})
  }
}
