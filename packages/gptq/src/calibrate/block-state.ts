import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { type Checkpoint, outputError, type QuantizedModule, tensorBytes } from '@hfquant/core'
import { formatSettings } from '../config/format-settings.js'
import type { GptqSettings } from '../config/settings.js'

/** A block that an earlier, interrupted run of the same task has finished. */
export interface SavedBlock {
  /** Packed tensors by module path and component. */
  readonly parts: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>
  readonly warnings: readonly string[]
  /** Batches that were left out from this block on. */
  readonly dropped: readonly number[]
}

/** Finished blocks of one task, kept until all of it is done. */
export interface BlockState {
  /** @returns undefined for a block that is not there, or not whole. */
  read(block: number, modules: readonly QuantizedModule[]): Promise<SavedBlock | undefined>
  write(block: number, saved: SavedBlock): Promise<void>
  /** Removes everything. */
  clear(): Promise<void>
}

/** Raised when the same settings come to mean other bytes. */
const REVISION = 2

/** The folder of a task follows from everything that its result depends on. */
export async function openBlockState(
  cacheFolder: string,
  settings: GptqSettings,
  checkpoint: Checkpoint,
  sequences: readonly Int32Array[],
): Promise<BlockState> {
  const folder = join(cacheFolder, `gptq-${await taskKey(settings, checkpoint, sequences)}`)
  const fileOf = (block: number) => join(folder, `block-${block}`)
  return {
    async read(block, modules) {
      try {
        const saved = deserialize(await readFile(fileOf(block))) as SavedBlock
        return isWhole(saved, modules) ? { ...saved, parts: aligned(saved.parts) } : undefined
      } catch {
        // Absent, or cut short by whatever ended the earlier run: the block is made again.
        return undefined
      }
    },
    async write(block, saved) {
      const draft = join(folder, `draft-${randomUUID()}`)
      try {
        await mkdir(folder, { recursive: true })
        const file = await open(draft, 'wx')
        try {
          await file.writeFile(serialize(saved))
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(draft, fileOf(block))
      } catch (cause) {
        await rm(draft, { force: true })
        throw outputError(cause, folder)
      }
    },
    clear: () => rm(folder, { recursive: true, force: true }),
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

/** Every component of every module, of the size that it must have. */
const isWhole = ({ parts, warnings, dropped }: SavedBlock, modules: readonly QuantizedModule[]): boolean =>
  Array.isArray(warnings) &&
  Array.isArray(dropped) &&
  modules.every(({ info, components }) =>
    components.every(({ key, dtype, shape }) => {
      const bytes = parts.get(info.path)?.get(key)
      return bytes instanceof Uint8Array && bytes.byteLength === tensorBytes(dtype, shape)
    }),
  )

async function taskKey(
  settings: GptqSettings,
  checkpoint: Checkpoint,
  sequences: readonly Int32Array[],
): Promise<string> {
  const {
    dataset: _data,
    dynamic,
    modulesInBlock,
    source: _source,
    maxHiddenBytes: _bytes,
    ...plain
  } = settings
  const hash = createHash('sha256')
  hash.update(
    JSON.stringify([
      REVISION,
      plain,
      modulesInBlock,
      formatSettings(settings),
      dynamic.map(({ pattern }) => pattern),
    ]),
  )
  for (const name of (await readdir(checkpoint.folder)).sort()) {
    if (!checkpoint.files.includes(name) && name !== 'config.json') continue
    const { size, mtimeMs } = await stat(join(checkpoint.folder, name))
    hash.update(JSON.stringify([join(checkpoint.folder, name), size, mtimeMs]))
  }
  for (const ids of sequences) hash.update(JSON.stringify(ids.length)).update(ids)
  return hash.digest('hex').slice(0, 32)
}
