import { lstat, mkdir, readdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { entryFolder, isTrustedEntry, markUsed, outputError, removeEntry } from '@hfquant/core/runtime'
import { artifactPrefix } from './artifact-key.js'
import { MODEL_FILE } from './files.js'
import { isErrno } from './is-errno.js'
import { checkManifest } from './manifest.js'

/**
 * A compiled model in a cache folder: manifest.json, model.onnx, weights.bin. It appears and disappears by being
 * renamed, so that no process ever sees half of one; whoever has mapped it keeps it until it lets go, except on Windows,
 * which refuses.
 */
export interface Artifact {
  readonly key: string
  readonly modelPath: string
  /** Those of its description. */
  readonly notes: unknown
}

export interface FindArtifactOptions {
  /** Told of a compiled model that is not used, and why. */
  readonly warn: (message: string) => void
  /** Ends the reading of weights that were not looked at before. */
  readonly signal: AbortSignal | undefined
}

/** Whether some compiled model has these facts; if none has, what the files hold need not be known to look for one. */
export async function hasArtifactOf(cache: string, facts: string): Promise<boolean> {
  const keys = await readdir(dirname(folderOf(cache, facts))).catch(() => [])
  return keys.some((key) => key.startsWith(artifactPrefix(facts)))
}

/**
 * Looks for a compiled model, and notes that it was used. A damaged one is removed; one that others could have written is
 * not used.
 *
 * @throws the reason of `signal`.
 */
export async function findArtifact(
  cache: string,
  key: string,
  { warn, signal }: FindArtifactOptions,
): Promise<Artifact | undefined> {
  const folder = folderOf(cache, key)
  // Whatever is wrong with one that another process has removed meanwhile: there is none.
  const isThere = async () => (await lstat(folder).catch(() => undefined)) !== undefined
  if (!(await isThere())) return undefined
  if (!(await isTrustedEntry(cache, 'artifacts', key))) {
    if (await isThere()) warn(untrusted(folder))
    return undefined
  }
  const checked = await checkManifest(cache, folder, key, signal).catch(asDamage)
  if ('damage' in checked) {
    if (!(await isThere())) return undefined
    warn(`the compiled model ${folder} is damaged (${checked.damage}); it is made again`)
    // A cache that cannot be written keeps it; then this model is compiled elsewhere.
    await removeEntry(cache, 'artifacts', key).catch(() => {})
    return undefined
  }
  await markUsed(cache, 'artifacts', key)
  return { key, modelPath: join(folder, MODEL_FILE), notes: checked.notes }
}

/**
 * Moves a finished folder to its place. Another process may have been faster: then its folder is the one.
 *
 * @throws OutputError also when what lies there is none that may be used.
 */
export async function publishArtifact(
  cache: string,
  key: string,
  finished: string,
): Promise<Pick<Artifact, 'modelPath'>> {
  const folder = folderOf(cache, key)
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 }).catch((cause) => {
    throw outputError(cause, folder)
  })
  await rename(finished, folder).catch(async (cause) => {
    if (!(await isTrustedEntry(cache, 'artifacts', key))) throw outputError(cause, folder)
  })
  return { modelPath: join(folder, MODEL_FILE) }
}

/** Files that cannot be read are as good as damaged: a fresh model is made. */
function asDamage(cause: unknown): { readonly damage: string } {
  if (isErrno(cause)) return { damage: cause.message }
  throw cause
}

const untrusted = (folder: string): string =>
  `the compiled model ${folder} is not used: it belongs to another user, or others may write it; ` +
  'remove it, or take the permission to write from others (chmod -R go-w)'

const folderOf = (cache: string, key: string): string => entryFolder(cache, 'artifacts', key)
