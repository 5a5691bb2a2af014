import { dirname, resolve } from 'node:path'
import { fileError, SafetensorsError } from '../errors.js'
import type { JsonValue } from '../header/json-cursor.js'
import { MAX_HEADER_BYTES } from '../header/read-header-length.js'
import type { TensorEntry } from '../header/tensor-entry.js'
import { openRegularFile, readFully } from './open-regular-file.js'
import { openSafetensors, type SafetensorsFile } from './open-safetensors.js'
import { parseSafetensorsIndex, type SafetensorsIndex } from './parse-safetensors-index.js'
import { resolveShard } from './resolve-shard.js'
import { standInOf } from './stand-in.js'

/** One file or all shards of an index, open together. */
export interface SafetensorsCheckpoint extends AsyncDisposable {
  readonly folder: string
  /** Ordered by name. */
  readonly files: readonly SafetensorsFile[]
  /** All tensors of all files, also those the index does not list; of two with one name the one in the later file. */
  readonly tensors: ReadonlyMap<string, { readonly file: SafetensorsFile; readonly entry: TensorEntry }>
  /** `__metadata__` of all files together; the later file wins. No prototype. */
  readonly metadata: Readonly<Record<string, string>>
  /** Tensors that the index lists and no file holds, with the shard that it names. */
  readonly absent: ReadonlyMap<string, string>
  /** `metadata` of the index; empty without index. No prototype. */
  readonly indexMetadata: Readonly<Record<string, JsonValue>>
  /** Closes every file. */
  close(): Promise<void>
}

const NO_INDEX: SafetensorsIndex = { metadata: Object.create(null), weightMap: new Map() }

/** The shard list of the largest models has some hundred thousand lines; as much as a header may have is plenty. */
const MAX_INDEX_BYTES = MAX_HEADER_BYTES

/**
 * Opens what the path names: an index when it ends in `.json`, a single file otherwise.
 *
 * @throws {@link SafetensorsError}
 */
export function openSafetensorsCheckpoint(path: string): Promise<SafetensorsCheckpoint> {
  return path.endsWith('.json') ? openSafetensorsIndex(path) : openSafetensorsSingle(path)
}

/** A single file in the shape of a checkpoint. Throws what {@link openSafetensors} throws. */
export async function openSafetensorsSingle(path: string): Promise<SafetensorsCheckpoint> {
  return checkpointOf(dirname(resolve(path)), [await openSafetensors(path)], NO_INDEX)
}

/**
 * Opens every shard of a `model.safetensors.index.json` once. What the shards hold counts: an index that was not written
 * anew when a shard was changed may list more, which is `absent`, or less.
 *
 * @throws {@link SafetensorsError} INDEX_BAD, INDEX_PATH_ESCAPES, SAFETENSORS_DUPLICATE_KEY, FILE_NOT_FOUND or what is wrong
 * with a shard; then no file stays open
 */
export async function openSafetensorsIndex(indexPath: string): Promise<SafetensorsCheckpoint> {
  const folder = dirname(resolve(indexPath))
  const index = parseSafetensorsIndex(await readIndexText(indexPath), indexPath)
  const shards = [...new Set(index.weightMap.values())].sort()
  // Every name is checked before the first shard is opened.
  const paths = new Map<string, string>()
  for (const shard of shards) paths.set(shard, await resolveShard(folder, shard, indexPath))

  const opened = new Map<string, SafetensorsFile>()
  try {
    for (const [shard, path] of paths) opened.set(shard, await openSafetensors(path))
  } catch (error) {
    await closeAll([...opened.values()])
    throw error
  }
  return checkpointOf(folder, [...opened.values()], index)
}

async function readIndexText(path: string): Promise<string> {
  const { handle, size } = await openRegularFile(path)
  try {
    if (size > MAX_INDEX_BYTES) {
      const problem = `${path} has ${size} bytes; an index may have ${MAX_INDEX_BYTES}`
      throw new SafetensorsError('INDEX_BAD', problem, { file: path })
    }
    const bytes = new Uint8Array(size)
    await readFully(handle, path, bytes, 0)
    refuseStandIn(bytes, path)
    return decodeIndex(bytes, path)
  } catch (cause) {
    throw fileError(cause, path, 'read')
  } finally {
    await handle.close()
  }
}

function refuseStandIn(bytes: Uint8Array, file: string): void {
  const standIn = standInOf(bytes)
  if (standIn === undefined) return
  const { what, hint } = standIn
  throw new SafetensorsError('INDEX_BAD', `${file} is ${what} instead of the index`, { file, hint })
}

function decodeIndex(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new SafetensorsError('INDEX_BAD', `${file} is not UTF-8 text`, { file, cause })
  }
}

function checkpointOf(
  folder: string,
  files: readonly SafetensorsFile[],
  { weightMap, metadata: indexMetadata }: SafetensorsIndex,
): SafetensorsCheckpoint {
  const tensors = new Map<string, { file: SafetensorsFile; entry: TensorEntry }>()
  const metadata = Object.create(null) as Record<string, string>
  for (const file of files) {
    Object.assign(metadata, file.metadata)
    for (const [name, entry] of file.tensors) tensors.set(name, { file, entry })
  }
  const absent = new Map([...weightMap].filter(([name]) => !tensors.has(name)))
  const close = () => closeAll(files)
  return { folder, files, tensors, metadata, absent, indexMetadata, close, [Symbol.asyncDispose]: close }
}

async function closeAll(files: readonly SafetensorsFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()))
}
