import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { isRunning, outputError } from '@hfquant/core'

/** A folder in which one process works, beside what it will be moved to. Its name says whose it is. */
export interface WorkFolder {
  readonly path: string
  remove(): Promise<void>
}

/**
 * Makes a folder below `cache`, and removes those that killed processes left there.
 *
 * @throws OutputError when the place cannot be written.
 */
export async function createWorkFolder(cache: string): Promise<WorkFolder> {
  const path = join(cache, WORK, `${process.pid}.${HOST}.${randomUUID()}`)
  try {
    await removeAbandoned(cache)
    await mkdir(path, { recursive: true })
  } catch (cause) {
    throw outputError(cause, path)
  }
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** Removes the work folders of processes that are no more; those of running ones are theirs. */
export async function removeAbandoned(cache: string): Promise<void> {
  const folder = join(cache, WORK)
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    const path = join(folder, name)
    if (await isAbandoned(name, path)) await rm(path, { recursive: true, force: true })
  }
}

const WORK = 'work'

/** Machines and containers may share a cache; process ids mean something on the one that gave them. */
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)

/** Longer than anything takes that is done in a work folder. */
const DAY = 24 * 3600 * 1000

async function isAbandoned(name: string, path: string): Promise<boolean> {
  const [pid, host] = name.split('.')
  const modified = (await stat(path).catch(() => undefined))?.mtimeMs
  if (modified === undefined) return false
  if (host !== HOST) return Date.now() - modified > DAY
  // The id of a killed process may have come to this one, as it does in a container that is started again.
  if (Number(pid) === process.pid) return modified < Date.now() - process.uptime() * 1000
  return !isRunning(Number(pid))
}
