import { constants, existsSync, renameSync, statSync } from 'node:fs'
import { access, chmod, mkdir, readdir, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { OutputError } from '../errors/families.js'
import { publishInfo } from '../report/info.js'
import { checkLinkable, linkTree } from './link-tree.js'
import { outputError } from './output-error.js'
import { refuseForeignConfig } from './refuse-foreign-config.js'
import { removeTree } from './remove-tree.js'
import { moveBack, outputTaken, refuseBusy, removeAside, removeLeftovers, siblingOf } from './siblings.js'
import { syncFolder } from './sync-folder.js'

/** A folder that is being written beside the one it will replace. */
export interface StagedFolder {
  /** Where to write. On the same file system as the final folder. */
  readonly path: string
  /**
   * Puts the folder in place; until then the old folder is untouched. What is replaced is named first, on the channel
   * of `publishInfo`.
   *
   * @param isReplaced true for names of the old folder that are left out although the new one has nothing of that name;
   * everything else stays.
   * @throws OutputError OUTPUT_TAKEN when another process has put a folder in place meanwhile, which then stays.
   */
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
 * @throws OutputError OUTPUT_BUSY while another process of this machine writes the same folder, OUTPUT_UNSUITABLE (also
 * for one that holds what cannot be taken along), OUTPUT_NOT_A_MODEL for a folder whose config.json is that of something
 * else, or when the place cannot be written.
 */
export async function stageFolder(folder: string): Promise<StagedFolder> {
  const final = await realFolder(folder)
  await refuseUnmovable(folder, final)
  const path = siblingOf(final, 'new')
  let found: string | undefined
  try {
    await mkdir(dirname(final), { recursive: true })
    await moveBack(final)
    await refuseBusy(final)
    await refuseForeignConfig(final)
    await checkLinkable(final)
    found = identityOf(final)
    await mkdir(path)
    await removeLeftovers(final, path)
  } catch (cause) {
    throw outputError(cause, final)
  }
  return {
    path,
    discard: () => removeTree(path),
    async commit(isReplaced) {
      try {
        await announce(final, path, isReplaced)
        await keepOtherFiles(final, path, isReplaced)
        await syncFolder(path)
        const { aside, isTaken } = swap(final, path, found)
        await syncFolder(dirname(final))
        if (aside !== undefined) {
          // What came into the folder at the last moment.
          await keepOtherFiles(aside, final, isReplaced)
          // The new folder is in place, whatever becomes of the old one.
          await removeAside(final, aside).catch(({ message }: Error) =>
            publishInfo(`what ${final} was before stays beside it, under a hidden name: ${message}`),
          )
        }
        if (isTaken) throw outputTaken(final)
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
  try {
    await refuseForeignConfig(final)
    await checkLinkable(final)
    let parent = dirname(final)
    while (!existsSync(parent)) parent = dirname(parent)
    // With the separator a file is not taken for a folder.
    await access(parent + sep, constants.W_OK)
    if (parent === dirname(final)) await refuseBusy(final)
  } catch (cause) {
    throw outputError(cause, final)
  }
}

/** Moves a folder back that a killed process had moved aside. */
export const recoverFolder = async (folder: string): Promise<void> => moveBack(await realFolder(folder))

/** The folders that this process has put in place: it may replace them again, whatever it found at first. */
const ownFolders = new Map<string, string | undefined>()

/**
 * All renames in one turn of the event loop, so that no other save of this process comes between them. Another process
 * may: whoever moves aside what it has not found there, or finds the place taken, has come second.
 *
 * @returns the old folder, if there is one to be removed; `isTaken` if the new one was not put in place.
 */
function swap(
  final: string,
  path: string,
  found: string | undefined,
): { readonly aside?: string; readonly isTaken: boolean } {
  const aside = siblingOf(final, 'old')
  const hasOld = existsSync(final)
  if (hasOld) {
    renameSync(final, aside)
    const moved = identityOf(aside)
    if (moved !== found && moved !== ownFolders.get(final)) {
      renameSync(aside, final)
      return { isTaken: true }
    }
  }
  const old = hasOld ? { aside } : {}
  try {
    renameSync(path, final)
  } catch (cause) {
    if (!existsSync(final)) {
      if (hasOld) renameSync(aside, final)
      throw cause
    }
    return { ...old, isTaken: true }
  }
  ownFolders.set(final, identityOf(final))
  return { ...old, isTaken: false }
}

/** Of a folder, whatever it is called: undefined where there is none. */
function identityOf(folder: string): string | undefined {
  const found = statSync(folder, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

async function announce(
  final: string,
  path: string,
  isReplaced: (fileName: string) => boolean,
): Promise<void> {
  if (!existsSync(final)) return
  const made = new Set(await readdir(path))
  const old = (await readdir(final)).sort()
  const gone = old.filter((name) => isReplaced(name) && !made.has(name))
  const written = old.filter((name) => made.has(name))
  if (written.length > 0) publishInfo(`replacing in ${final}: ${written.join(', ')}`)
  if (gone.length > 0) publishInfo(`removing from ${final}, as of the model before: ${gone.join(', ')}`)
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

/** Files that are no part of the model, such as a model card, stay in the folder. */
async function keepOtherFiles(
  from: string,
  to: string,
  isReplaced: (fileName: string) => boolean,
): Promise<void> {
  const found = await stat(from).catch(() => undefined)
  if (found === undefined) return
  const made = new Set(await readdir(to))
  for (const name of await readdir(from)) {
    if (!isReplaced(name) && !made.has(name)) await linkTree(join(from, name), join(to, name))
  }
  await chmod(to, found.mode & 0o7777)
}

/** A link to a folder stays a link: what it points to is replaced. */
const realFolder = (folder: string): Promise<string> => realpath(folder).catch(() => resolve(folder))
