import { chmod, mkdir, open, readdir, rm, statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { createWorkFolder, outputError } from '@hfquant/core/runtime'
import { findMappedFile } from '../session/mapped-file.js'
import { startSessionWorker } from '../session/session-worker-host.js'
import { alignTensors } from './align-tensors.js'
import { type Artifact, publishArtifact } from './artifact-cache.js'
import { MODEL_FILE, WEIGHTS_FILE } from './files.js'
import { isErrno } from './is-errno.js'
import { writeInLargePieces } from './large-pages.js'
import { type ArtifactDescription, noteWeights, writeManifest } from './manifest.js'

export interface PackOptions {
  /** From `artifactKey`. */
  readonly key: string
  readonly description: ArtifactDescription
  /** Threads of the runtime; default: one per core. */
  readonly threads?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Lets the runtime pack the constants of a written graph for its kernels, and puts the result into the cache. The graph as
 * it was written, in a folder of its own, is removed as soon as it has been read.
 *
 * Processes that do the same at once do not meet before the end: the first to finish puts its folder in place, the
 * others take that one. One that is killed leaves a work folder, which the next one removes.
 *
 * @throws OutputError when the cache cannot be written or the disk is full; RuntimeError SESSION_FAILED when the runtime
 * refuses the graph, ARTIFACT_SHORT when it could not write; the reason of `signal`.
 */
export async function packArtifact(
  cache: string,
  modelPath: string,
  { key, description, threads = availableParallelism(), signal }: PackOptions,
): Promise<Pick<Artifact, 'modelPath'>> {
  const work = await createWorkFolder(cache)
  try {
    const packed = join(work.path, key)
    await mkdir(packed)
    await packWeights(modelPath, packed, threads)
    signal?.throwIfAborted()
    await rm(dirname(modelPath), { recursive: true, force: true })
    await alignTensors(packed)
    if (process.platform === 'linux') await writeInLargePieces(join(packed, WEIGHTS_FILE), signal)
    const manifest = await writeManifest(packed, key, description, signal)
    await sealFiles(packed)
    await noteWeights(cache, packed, manifest)
    return await publishArtifact(cache, key, packed)
  } catch (cause) {
    throw isErrno(cause) ? outputError(cause, work.path) : cause
  } finally {
    await work.remove()
  }
}

/** In a thread of its own: one that has packed much takes with it what that leaves in memory. */
async function packWeights(modelPath: string, folder: string, threads: number): Promise<void> {
  const weights = await findMappedFile(join(dirname(modelPath), WEIGHTS_FILE))
  const worker = startSessionWorker(weights.size)
  try {
    const target = { modelPath: join(folder, MODEL_FILE), weightsFile: WEIGHTS_FILE }
    await worker.call({ kind: 'prepack', modelPath, target, threads })
  } catch (error) {
    throw (await hasSpace(folder)) ? error : outputError(noSpace(), folder)
  } finally {
    await worker.close()
  }
}

/** The runtime fills a disk to the last page before it fails, and does not say why. */
async function hasSpace(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize >= LEAST_SPACE
}

const LEAST_SPACE = 2 ** 20

const noSpace = (): Error => Object.assign(new Error('no space left'), { code: 'ENOSPC' })

/**
 * Makes the files durable before they get their name: after a power failure a whole file is there, or none. And
 * read-only: a mapped file that somebody cuts short ends every process that computes with it.
 */
async function sealFiles(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const file = await open(path, 'r+')
    await file.sync().finally(() => file.close())
    await chmod(path, 0o444)
  }
}
