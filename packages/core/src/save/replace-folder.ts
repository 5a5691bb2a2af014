import { randomUUID } from 'node:crypto'
import { constants, existsSync, renameSync } from 'node:fs'
import { access, cp, link, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { OutputError } from '../errors/families.js'
import { isRunning } from './is-running.js'
import { outputError } from './output-error.js'

/** A folder that is being written beside the one it will replace. */
export interface StagedFolder {
  /** Where to write. On the same file system as the final folder. */
  readonly path: string
  /** Puts the folder in place. Until then the old folder is untouched. */
  commit(isReplaced: (fileName: string) => boolean): Promise<void>
  discard(): Promise<void>
}

/**
 * Begins a folder that appears under its final name complete or not at all.
 *
 * A folder that exists is first moved aside and removed after the new one is in place. Two renames are needed for
 * that; a process that is killed between them leaves the old folder under its other name, and the next call for the
 * same folder, or `recoverFolder`, moves it back.
 *
 * @throws OutputError when the place cannot be written.
 */
export async function stageFolder(folder: string): Promise<StagedFolder> {
  const final = await realFolder(folder)
  await refuseUnmovable(folder, final)
  const path = sibling(final, 'new')
  try {
    await mkdir(dirname(final), { recursive: true })
    await recoverFolder(final)
    await removeLeftovers(final)
    await mkdir(path)
  } catch (cause) {
    throw outputError(cause, final)
  }
  return {
    path,
    discard: () => rm(path, { recursive: true, force: true }),
    async commit(isReplaced) {
      try {
        await keepOtherFiles(final, path, isReplaced)
        await syncFolder(path)
        const aside = swap(final, path)
        await syncFolder(dirname(final))
        if (aside !== undefined) await removeAside(final, aside)
      } catch (cause) {
        throw outputError(cause, final)
      }
    },
  }
}

/**
 * Checks, without writing anything, that a folder can be begun.
 *
 * @throws OutputError as `stageFolder` would.
 */
export async function checkOutputFolder(folder: string): Promise<void> {
  const final = await realFolder(folder)
  await refuseUnmovable(folder, final)
  let parent = dirname(final)
  while (!existsSync(parent)) parent = dirname(parent)
  // With the separator a file is not taken for a folder.
  await access(parent + sep, constants.W_OK).catch((cause) => {
    throw outputError(cause, final)
  })
}

/** Moves a folder back that a killed process had moved aside. */
export async function recoverFolder(folder: string): Promise<void> {
  const final = await realFolder(folder)
  if (existsSync(final) || !existsSync(dirname(final))) return
  const aside = (await siblings(final, 'old')).find(({ pid }) => !isRunning(pid))
  if (aside !== undefined) await rename(aside.path, final)
}

/**
 * Both renames in one turn of the event loop, so that no other save of this process comes between them.
 *
 * @returns where the old folder is.
 */
function swap(final: string, path: string): string | undefined {
  const aside = existsSync(final) ? sibling(final, 'old') : undefined
  if (aside !== undefined) renameSync(final, aside)
  renameSync(path, final)
  return aside
}

/**
 * Removes a folder that was moved aside, under the name of one that was never finished: whatever bears the name of a
 * folder moved aside is complete, even if its removal is interrupted.
 */
async function removeAside(final: string, aside: string): Promise<void> {
  const obsolete = sibling(final, 'new')
  await rename(aside, obsolete)
  await rm(obsolete, { recursive: true, force: true })
}

/** A folder that others hold on to, or that another file system is mounted on, cannot be replaced by renaming. */
async function refuseUnmovable(folder: string, final: string): Promise<void> {
  const refuse = (what: string) => {
    throw new OutputError(
      'OUTPUT_UNSUITABLE',
      `cannot write ${folder === '' ? 'a folder without a name' : final}: ${what}`,
      {
        file: final,
        hint: 'Name a folder of its own, for example one below it.',
      },
    )
  }
  if (typeof folder !== 'string' || folder === '') refuse('a model needs a folder of its own')
  const within = relative(final, process.cwd())
  if (!within.startsWith('..') && !isAbsolute(within)) refuse('the process works inside it')
  const [own, parent] = await Promise.all(
    [final, dirname(final)].map((path) => stat(path).catch(() => undefined)),
  )
  if (own !== undefined && parent !== undefined && own.dev !== parent.dev) refuse('it is a mount point')
}

/** Files that are no part of the checkpoint, such as a model card, stay in the folder. */
async function keepOtherFiles(
  from: string,
  to: string,
  isReplaced: (fileName: string) => boolean,
): Promise<void> {
  if (!existsSync(from)) return
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const target = join(to, entry.name)
    if (isReplaced(entry.name) || existsSync(target)) continue
    if (entry.isFile()) await link(join(from, entry.name), target)
    else await cp(join(from, entry.name), target, { recursive: true, verbatimSymlinks: true })
  }
}

/** Folders that killed processes left behind. Those of running processes are theirs. */
async function removeLeftovers(final: string): Promise<void> {
  for (const { path, pid } of await siblings(final, 'new')) {
    if (!isRunning(pid)) await rm(path, { recursive: true, force: true })
  }
  for (const { path, pid } of await siblings(final, 'old')) {
    if (!isRunning(pid) && existsSync(final)) await removeAside(final, path)
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}

/** A link to a folder stays a link: what it points to is replaced. */
const realFolder = (folder: string): Promise<string> => realpath(folder).catch(() => resolve(folder))

/** What a process keeps beside a folder: one that it is writing, or the complete one that it has moved aside. */
type Role = 'new' | 'old'

const sibling = (final: string, role: Role): string =>
  `${siblingPrefix(final, role)}${process.pid}-${randomUUID().slice(0, 8)}`

async function siblings(final: string, role: Role): Promise<{ path: string; pid: number }[]> {
  const parent = dirname(final)
  const prefix = siblingPrefix(final, role)
  return (await readdir(parent))
    .map((name) => join(parent, name))
    .filter((path) => path.startsWith(prefix))
    .map((path) => ({ path, pid: Number(path.slice(prefix.length).split('-')[0]) }))
}

const siblingPrefix = (final: string, role: Role): string =>
  join(dirname(final), `.${basename(final)}.hfquant-${role}-`)
