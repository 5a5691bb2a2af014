import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import {
  type CalibrationContext,
  createWorkFolder,
  type EntryManifest,
  entryFolder,
  isTrustedEntry,
  MANIFEST_FILE,
  OutputError,
  outputError,
  removeEntry,
  tensorBytes,
  type WaitingWeight,
  workTag,
} from '@hfquant/core/runtime'
import type { CalibrationMethod, PackedParts } from './calibration-method.js'

/** A block that an earlier, interrupted run of the same task has finished. */
export interface SavedBlock {
  /** Packed tensors by module path and component. */
  readonly parts: ReadonlyMap<string, PackedParts>
  /** Values of float tensors that were changed, by their names. */
  readonly floats: ReadonlyMap<string, Float32Array>
  readonly warnings: readonly string[]
  /** Batches that were left out from this block on. */
  readonly dropped: readonly number[]
}

/** Finished blocks of one task, kept until all of it is done. */
export interface BlockState {
  /** @returns undefined for a block that is not there, or not whole. */
  read(block: number, weights: readonly WaitingWeight[]): Promise<SavedBlock | undefined>
  write(block: number, saved: SavedBlock): Promise<void>
  /** Removes everything. */
  clear(): Promise<void>
}

/**
 * The folder of a task follows from everything that its result depends on. It is an entry of the cache folder until the
 * task is done, so that what nobody takes up again is listed and pruned.
 *
 * @param context is warned when the cache folder cannot be used: the run then keeps nothing.
 */
export async function openBlockState(
  cache: string,
  { name, identity }: Pick<CalibrationMethod, 'name' | 'identity'>,
  { checkpoint, waiting, warn }: Pick<CalibrationContext, 'checkpoint' | 'waiting' | 'warn'>,
  sequences: readonly Int32Array[],
): Promise<BlockState> {
  // Weights are rounded to the dtype of the model first, which a caller chooses.
  const weights = waiting.map(({ info: { path, dtype } }) => [path, dtype])
  const key = await taskKey([name, identity, weights], checkpoint, sequences)
  const folder = entryFolder(cache, 'calibrations', key)
  const fileOf = (block: number) => join(folder, `block-${block}`)
  const manifest: EntryManifest = {
    ...{ key, model: basename(checkpoint.folder), source: checkpoint.folder, method: name },
    created: new Date().toISOString(),
    owner: workTag(),
  }
  const isKept = await isWritable(cache, warn)
  let isClaimed = false
  /** For each block anew: what is kept may be removed while a calibration runs, and is no reason to end it. */
  const claim = async () => {
    await putManifest(cache, folder, manifest)
    isClaimed = true
  }
  return {
    async read(block, weights) {
      if (!(await isTrustedEntry(cache, 'calibrations', key))) return undefined
      try {
        const saved = deserialize(await readFile(fileOf(block))) as SavedBlock
        if (!isWhole(saved, weights)) return undefined
        await claim().catch(() => {})
        return { ...saved, parts: aligned(saved.parts) }
      } catch {
        // Absent, or cut short by whatever ended the earlier run: the block is made again.
        return undefined
      }
    },
    async write(block, saved) {
      if (!isKept) return
      try {
        await claim()
        await putFile(cache, fileOf(block), serialize(saved))
      } catch (cause) {
        throw outputError(cause, folder)
      }
    },
    clear: async () => {
      if (isClaimed) await removeEntry(cache, 'calibrations', key)
    },
  }
}

async function isWritable(cache: string, warn: (message: string) => void): Promise<boolean> {
  try {
    await (await createWorkFolder(cache)).remove()
    return true
  } catch (error) {
    if (!OutputError.isInstance(error)) throw error
    warn(`a run that is interrupted begins anew: ${error.message}`)
    return false
  }
}

/** An entry that is not there yet appears with its manifest: one without is damaged, and pruned. */
function putManifest(cache: string, entry: string, manifest: EntryManifest): Promise<void> {
  return inWorkFolder(cache, async (work) => {
    const draft = join(work, MANIFEST_FILE)
    await writeFile(draft, `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o600, flush: true })
    await mkdir(dirname(entry), { recursive: true, mode: 0o700 })
    await rename(draft, join(entry, MANIFEST_FILE)).catch(async (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') throw cause
      const made = join(work, manifest.key)
      await mkdir(made, { mode: 0o700 })
      await rename(draft, join(made, MANIFEST_FILE))
      await rename(made, entry)
    })
  })
}

/** Whole or not at all. */
function putFile(cache: string, path: string, bytes: Uint8Array): Promise<void> {
  return inWorkFolder(cache, async (work) => {
    const draft = join(work, 'draft')
    await writeFile(draft, bytes, { mode: 0o600, flush: true })
    await rename(draft, path)
  })
}

async function inWorkFolder(cache: string, put: (work: string) => Promise<void>): Promise<void> {
  const work = await createWorkFolder(cache)
  try {
    await put(work.path)
  } finally {
    await work.remove()
  }
}

/** Arrays of their own: those that come out of a file begin anywhere. */
const aligned = (parts: SavedBlock['parts']): SavedBlock['parts'] =>
  new Map(
    [...parts].map(([path, own]) => [
      path,
      new Map([...own].map(([key, bytes]) => [key, new Uint8Array(bytes)])),
    ]),
  )

/** Every component of every weight, of the size that it must have. */
const isWhole = (
  { parts, floats, warnings, dropped }: SavedBlock,
  weights: readonly WaitingWeight[],
): boolean =>
  [...floats.values()].every((values) => values instanceof Float32Array) &&
  Array.isArray(warnings) &&
  Array.isArray(dropped) &&
  weights.every(({ info, format }) =>
    format.components(info).every(({ key, dtype, shape }) => {
      const bytes = parts.get(info.path)?.get(key)
      return bytes instanceof Uint8Array && bytes.byteLength === tensorBytes(dtype, shape)
    }),
  )

async function taskKey(
  identity: unknown,
  checkpoint: CalibrationContext['checkpoint'],
  sequences: readonly Int32Array[],
): Promise<string> {
  const hash = createHash('sha256')
  hash.update(JSON.stringify(identity))
  hash.update(await checkpoint.identity())
  hash.update(await readFile(join(checkpoint.folder, 'config.json')).catch(() => ''))
  for (const ids of sequences) hash.update(JSON.stringify(ids.length)).update(ids)
  return hash.digest('hex').slice(0, 32)
}
