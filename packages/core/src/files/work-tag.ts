import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { hostname, uptime } from 'node:os'
import { join } from 'node:path'
import { isRunning } from './is-running.js'

/**
 * The end of the name of whatever is being written or removed. It says whose work that is, so that others can tell
 * whether anybody still does it:
 *
 * ```
 * <process id>-<start of the process>-<machine><namespace of process ids>-<seconds since boot>-<random>
 * ```
 *
 * The machine is its name and its boot. Containers of one machine share both, and tell each other's processes apart by
 * the namespace; two processes that get one id after the other, by their start.
 */
export function workTag(): string {
  const random = randomBytes(4).toString('hex')
  return [process.pid, START, BOOT + SPACE, Math.floor(uptime()), random].join('-')
}

/** Whose work it is that bears a tag. */
export interface TagOwner {
  readonly pid: number
  /** Undefined for a process of another machine or container, which cannot be asked. */
  readonly state: 'self' | 'running' | 'ended' | undefined
}

/** @returns undefined for what is no tag. */
export function ownerOf(tag: string): TagOwner | undefined {
  const owner = parseTag(tag)
  if (owner === undefined) return undefined
  const { pid } = owner
  if (!isNeighbour(owner)) return { pid, state: undefined }
  if (!isAlive(owner)) return { pid, state: 'ended' }
  return { pid, state: pid === process.pid ? 'self' : 'running' }
}

/**
 * True if nobody works any more on what lies at `path` under a name that ends in `tag`; false for what bears no such name.
 *
 * Processes of other machines and containers cannot be asked: their work is left alone until nothing of it has changed
 * for a week. Clocks that jump do not make it older: times of files are compared with each other, and what was begun
 * since this boot is no older than that.
 *
 * @param now the time of the file system that holds `path`, in milliseconds: the change of a file made just now
 */
export async function isAbandoned(tag: string, path: string, now: number): Promise<boolean> {
  const owner = parseTag(tag)
  if (owner === undefined) return false
  if (isNeighbour(owner)) return !isAlive(owner)
  const sinceBegun = owner.boot === BOOT ? (uptime() - owner.begun) * 1000 : Number.POSITIVE_INFINITY
  return Math.min(sinceBegun, now - (await lastChange(path))) > WEEK
}

const WEEK = 7 * 24 * 3600 * 1000

interface Owner {
  readonly pid: number
  readonly start: string
  readonly boot: string
  readonly space: string
  /** Seconds since boot. */
  readonly begun: number
}

const TAG = /^(\d+)-([0-9a-f]+)-([0-9a-f]{8})([0-9a-f]{8})-(\d+)-[0-9a-f]{8}$/

function parseTag(tag: string): Owner | undefined {
  const [, pid, start, boot, space, begun] = TAG.exec(tag) ?? []
  if (begun === undefined) return undefined
  return { pid: Number(pid), start: start!, boot: boot!, space: space!, begun: Number(begun) }
}

const short = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)

function orNothing(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}

const BOOT = short(hostname() + orNothing(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')))
const SPACE = short(orNothing(() => readlinkSync('/proc/self/ns/pid')))

/** Where the system does not tell when a process began, any number tells this one from those with its id before it. */
const START = startOf(process.pid) ?? randomBytes(4).toString('hex')

const isNeighbour = ({ boot, space }: Owner): boolean => boot === BOOT && space === SPACE

function isAlive({ pid, start }: Owner): boolean {
  if (pid === process.pid) return start === START
  const found = startOf(pid)
  return found === undefined ? isRunning(pid) : found === start
}

/** In ticks since boot; undefined for a process that the system does not show, "dead" for one that has ended. */
function startOf(pid: number): string | undefined {
  const line = orNothing(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  // The name of the program comes second, in parentheses, and may hold anything.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : fields[19]
}

/** The last change of a file or of anything in a folder, in milliseconds; 0 for what is gone. */
async function lastChange(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return 0
  if (!found.isDirectory()) return found.mtimeMs
  const names = await readdir(path).catch(() => [])
  const times = await Promise.all(names.map((name) => lastChange(join(path, name))))
  return Math.max(found.mtimeMs, ...times)
}
