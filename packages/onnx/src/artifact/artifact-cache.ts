import { mkdir, readdir, rename, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { outputError } from '@hfquant/core'
import { MODEL_FILE } from './files.js'
import { checkManifest, MANIFEST_FILE, type Manifest, readManifest } from './manifest.js'
import { createWorkFolder, removeAbandoned } from './work-folder.js'

/**
 * Compiled models below a cache folder. Each is a folder that appears and disappears by being renamed, so that no
 * process ever sees half of one; whoever has mapped it keeps it until it lets go, except on Windows, which refuses.
 *
 * ```
 * artifacts/<key>/    manifest.json, model.onnx, weights.bin
 * work/<owner>/       what is being written or removed
 * ```
 */
export interface Artifact {
  readonly key: string
  readonly modelPath: string
  /** Those of its description. */
  readonly notes: unknown
}

/** A compiled model as it is listed. */
export interface ListedArtifact {
  readonly key: string
  /** Undefined for a folder whose manifest cannot be read. */
  readonly manifest: Manifest | undefined
  readonly bytes: number
  readonly lastUsed: Date
}

/**
 * Looks for a compiled model, and notes that it was used. A damaged one is removed.
 *
 * @param warn told what is wrong with a damaged one.
 */
export async function findArtifact(
  cache: string,
  key: string,
  warn: (message: string) => void,
): Promise<Artifact | undefined> {
  const folder = folderOf(cache, key)
  const checked = await checkManifest(folder, key)
  if (checked === undefined) return undefined
  if ('damage' in checked) {
    warn(`the compiled model ${folder} is damaged (${checked.damage}); it is made again`)
    // A cache that cannot be written keeps it; then this model is compiled elsewhere.
    await removeArtifact(cache, key).catch(() => {})
    return undefined
  }
  const now = new Date()
  await utimes(join(folder, MANIFEST_FILE), now, now).catch(() => {})
  return { key, modelPath: join(folder, MODEL_FILE), notes: checked.notes }
}

/** Moves a finished folder to its place. Another process may have been faster: then its folder is the one. */
export async function publishArtifact(
  cache: string,
  key: string,
  finished: string,
): Promise<Pick<Artifact, 'modelPath'>> {
  const folder = folderOf(cache, key)
  await mkdir(dirname(folder), { recursive: true }).catch((cause) => {
    throw outputError(cause, folder)
  })
  await rename(finished, folder).catch(async (cause) => {
    if ((await stat(folder).catch(() => undefined)) === undefined) throw outputError(cause, folder)
  })
  return { modelPath: join(folder, MODEL_FILE) }
}

/** The compiled models below a cache folder; the one that was used last comes first. */
export async function listArtifacts(cache: string): Promise<readonly ListedArtifact[]> {
  const keys = await readdir(join(cache, ARTIFACTS)).catch(() => [])
  const listed = await Promise.all(keys.map((key) => describe(cache, key).catch(() => undefined)))
  return listed
    .filter((artifact) => artifact !== undefined)
    .sort((left, right) => right.lastUsed.getTime() - left.lastUsed.getTime())
}

/**
 * Removes a compiled model. A process that is about to open it makes it again; one that has mapped it keeps it.
 *
 * @throws OutputError when the folder cannot be written, or, on Windows, when a process uses the model.
 */
export async function removeArtifact(cache: string, key: string): Promise<void> {
  const work = await createWorkFolder(cache)
  try {
    await rename(folderOf(cache, key), join(work.path, key))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw outputError(cause, folderOf(cache, key))
  } finally {
    await work.remove()
  }
}

/**
 * Removes damaged models, then those that were not used for the longest time, until the rest has at most `maxBytes`;
 * and what killed processes left behind. What another process is writing is not touched.
 *
 * @returns what was removed.
 * @throws OutputError as `removeArtifact`.
 */
export async function pruneArtifacts(cache: string, maxBytes: number): Promise<readonly ListedArtifact[]> {
  await removeAbandoned(cache)
  const all = await listArtifacts(cache)
  const damaged = all.filter(({ manifest }) => manifest === undefined)
  const oldestFirst = all.filter(({ manifest }) => manifest !== undefined).reverse()
  let bytes = oldestFirst.reduce((sum, artifact) => sum + artifact.bytes, 0)
  const removed: ListedArtifact[] = []
  for (const artifact of [...damaged, ...oldestFirst]) {
    if (artifact.manifest !== undefined) {
      if (bytes <= maxBytes) break
      bytes -= artifact.bytes
    }
    await removeArtifact(cache, artifact.key)
    removed.push(artifact)
  }
  return removed
}

const ARTIFACTS = 'artifacts'

const folderOf = (cache: string, key: string): string => join(cache, ARTIFACTS, key)

async function describe(cache: string, key: string): Promise<ListedArtifact> {
  const folder = folderOf(cache, key)
  const manifest = await readManifest(folder)
  const files = await Promise.all((await readdir(folder)).map((name) => stat(join(folder, name))))
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  const used = await stat(manifest === undefined ? folder : join(folder, MANIFEST_FILE))
  return { key, manifest, bytes, lastUsed: used.mtime }
}
