import { existsSync } from 'node:fs'
import { lstat, readdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { OutputError } from '../errors/families.js'
import { removeTree } from './remove-tree.js'
import { isAbandoned, ownerOf, type TagOwner, workTag } from './work-tag.js'

/**
 * What a process keeps beside a file or folder: a new one that it is writing, the old one that it has moved aside, whole,
 * or what is on its way out.
 */
type Role = 'new' | 'old' | 'gone'

export const siblingOf = (final: string, role: Role): string => `${prefixOf(final, role)}${workTag()}`

/**
 * A file or folder has one writer at a time.
 *
 * @throws OutputError OUTPUT_BUSY while another process of this machine writes it, as far as that can be told.
 */
export async function refuseBusy(final: string): Promise<void> {
  const other = (await siblings(final, 'new')).find(({ owner }) => owner.state === 'running')?.owner
  if (other === undefined) return
  throw new OutputError('OUTPUT_BUSY', `process ${other.pid} is writing ${final} at the moment`, {
    file: final,
    found: other.pid,
    hint: 'Wait until it has ended, or choose another place.',
  })
}

/** For whoever comes second, and finds at the end that another one has been there. */
export const outputTaken = (final: string): OutputError =>
  new OutputError('OUTPUT_TAKEN', `another process has written ${final} meanwhile, which is left as it is`, {
    file: final,
    hint: 'One process writes a place at a time; write this model to another one.',
  })

/**
 * Removes what processes left behind that are no more; what this process may not remove stays.
 *
 * @param latest a file or folder that was made a moment ago, which tells the time of the file system
 */
export async function removeLeftovers(final: string, latest: string): Promise<void> {
  const now = (await lstat(latest)).mtimeMs
  for (const role of ['new', 'gone'] as const) {
    for (const { path, tag } of await siblings(final, role)) {
      if (await isAbandoned(tag, path, now)) await removeTree(path).catch(() => {})
    }
  }
  for (const { path, tag } of await siblings(final, 'old')) {
    if (existsSync(final) && (await isAbandoned(tag, path, now)))
      await removeAside(final, path).catch(() => {})
  }
}

/**
 * Removes what was moved aside, under another name: whatever bears the name of an old one is whole, even if its removal
 * is interrupted.
 */
export async function removeAside(final: string, aside: string): Promise<void> {
  const gone = siblingOf(final, 'gone')
  await rename(aside, gone)
  await removeTree(gone)
}

/** Moves back what a process had moved aside that was killed before it put the new one in place. */
export async function moveBack(final: string): Promise<void> {
  const isMissing = () => !existsSync(final)
  if (!isMissing() || !existsSync(dirname(final))) return
  const asides = await siblings(final, 'old')
  const left = asides.find(({ owner }) => owner.state === 'ended' || owner.state === undefined)
  if (left === undefined) return
  // A process of another machine may be about to do it itself.
  if (left.owner.state === undefined) await setTimeout(MOMENT)
  if (isMissing() && existsSync(left.path)) await rename(left.path, final)
}

/** Many times what lies between two renames. */
const MOMENT = 1000

interface Sibling {
  readonly path: string
  readonly tag: string
  readonly owner: TagOwner
}

/** Only what has exactly the name of one. */
async function siblings(final: string, role: Role): Promise<Sibling[]> {
  const prefix = basename(prefixOf(final, role))
  const names = await readdir(dirname(final))
  return names.flatMap((name) => {
    const tag = name.startsWith(prefix) ? name.slice(prefix.length) : ''
    const owner = ownerOf(tag)
    return owner === undefined ? [] : [{ path: join(dirname(final), name), tag, owner }]
  })
}

const prefixOf = (final: string, role: Role): string =>
  join(dirname(final), `.${basename(final)}.hfquant-${role}-`)
