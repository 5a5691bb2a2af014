import { lstat, mkdir, readdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { OutputError } from '../errors/families.js'
import { othersCanWrite } from '../files/others-can-write.js'
import { outputError } from '../files/output-error.js'

/**
 * Where hfquant keeps files that can be made again: a folder of the user's own, of a name that nobody else uses, in
 * `HFQUANT_CACHE` or in the platform's cache folder. Nothing beside it is ever touched.
 */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const user = process.getuid === undefined ? '' : `-${process.getuid()}`
  return join(cacheParent(environment), `hfquant-cache${user}`)
}

function cacheParent(environment: NodeJS.ProcessEnv): string {
  if (environment.HFQUANT_CACHE) return environment.HFQUANT_CACHE
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'hfquant')
  if (process.platform === 'win32') return join(environment.LOCALAPPDATA ?? homedir(), 'hfquant', 'Cache')
  return join(environment.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hfquant')
}

/**
 * Makes a cache folder if there is none, and checks that it is one.
 *
 * @throws OutputError CACHE_UNTRUSTED as `isTrustedFolder` has it, CACHE_NOT_OURS for a folder that holds things and has
 * no mark of hfquant, OUTPUT_FAILED or DISK_FULL when it cannot be written.
 */
export async function openCacheFolder(cache: string): Promise<void> {
  try {
    await mkdir(dirname(cache), { recursive: true })
    await mkdir(cache, { mode: 0o700 }).catch(unlessExists)
    if (!(await isTrusted(cache))) throw untrusted(cache)
    const names = await readdir(cache)
    if (names.includes(MARK)) return
    if (names.length > 0) throw notOurs(cache)
    await writeFile(join(cache, MARK), MARK_TEXT, { flag: 'wx' }).catch(unlessExists)
  } catch (cause) {
    throw outputError(cause, cache)
  }
}

/** True for a cache folder that is there and may be read: marked, the user's own, and writable by nobody else. */
export async function isCacheFolder(cache: string): Promise<boolean> {
  return (await isTrusted(cache)) && (await lstat(join(cache, MARK)).catch(() => undefined)) !== undefined
}

/**
 * True for a file or folder, no link, that belongs to the user who runs and that nobody else can write. On Windows,
 * where modes say nothing, for any file or folder.
 */
export async function isTrusted(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined || !(found.isDirectory() || found.isFile())) return false
  if (process.getuid === undefined) return true
  return found.uid === process.getuid() && !othersCanWrite(found)
}

/** By this file programs that make backups know folders that can be made again (bford.info/cachedir), and we ours. */
const MARK = 'CACHEDIR.TAG'
const MARK_TEXT = `Signature: 8a477f597d28d172789f06886806bc55
# This folder was made by hfquant. What is in it can be made again.
`

function unlessExists(cause: NodeJS.ErrnoException): void {
  if (cause.code !== 'EEXIST') throw cause
}

/** @internal */
export const untrusted = (cache: string): OutputError =>
  new OutputError(
    'CACHE_UNTRUSTED',
    `${cache} is no folder of the user who runs this, or others may write it`,
    {
      file: cache,
      expected: 'a folder, no link, of this user, with a mode such as 700',
      hint: 'Take the permission to write from others (chmod go-w), or set HFQUANT_CACHE to another folder.',
    },
  )

const notOurs = (cache: string): OutputError =>
  new OutputError('CACHE_NOT_OURS', `${cache} holds files and was not made by hfquant (no ${MARK})`, {
    file: cache,
    hint: 'Set HFQUANT_CACHE to another folder.',
  })
