import { dirname, resolve } from 'node:path'
import { refuseFor } from '../errors.js'
import type { TorchObject, TorchTensor } from '../tensors/torch-value.js'
import { openTorchFile } from './open-torch-file.js'
import { parseIndex, type TorchIndex } from './parse-index.js'
import { openRegularFile } from './regular-file.js'
import { resolveShard } from './resolve-shard.js'
import { refuseStandIn } from './stand-in.js'
import type { TorchFile } from './torch-file.js'

/** One file or all shards of an index, open together. */
export interface TorchCheckpoint extends AsyncDisposable {
  readonly folder: string
  /** Ordered by name. */
  readonly files: readonly TorchFile[]
  /** All entries of all files, also those the index does not list; of two with one name the one in the later file. */
  readonly entries: ReadonlyMap<string, TorchTensor | TorchObject>
  /** Entries that the index lists and no file holds, with the shard that it names. */
  readonly absent: ReadonlyMap<string, string>
  /** `metadata` of the index; empty without index. */
  readonly indexMetadata: Readonly<Record<string, unknown>>
  /** Closes every file. */
  close(): Promise<void>
}

const NO_INDEX: TorchIndex = { metadata: {}, weightMap: new Map() }

/** Some 80,000 entries; the largest published model has half of that. */
const MAX_INDEX_BYTES = 8 * 1024 * 1024

/**
 * Opens what the path names: an index when it ends in `.json`, a single file otherwise. Each shard is read once, and what
 * the shards hold counts: what the index lists beyond that is `absent`.
 *
 * @throws {@link TorchCheckpointError} INDEX_BAD, INDEX_PATH_ESCAPES, FILE_NOT_FOUND or what is wrong with a file; then no
 * file stays open
 */
export async function openTorchCheckpoint(path: string): Promise<TorchCheckpoint> {
  const folder = dirname(resolve(path))
  if (!path.endsWith('.json')) return checkpointOf(folder, [await openTorchFile(path)], NO_INDEX)

  const index = parseIndex(await readIndexText(path), path)
  // Every name is checked before the first shard is opened.
  const paths = new Map<string, string>()
  for (const shard of [...new Set(index.weightMap.values())].sort()) {
    paths.set(shard, await resolveShard(folder, shard, path))
  }
  const opened = new Map<string, TorchFile>()
  try {
    for (const [shard, shardPath] of paths) opened.set(shard, await openTorchFile(shardPath))
  } catch (error) {
    await closeAll([...opened.values()])
    throw error
  }
  return checkpointOf(folder, [...opened.values()], index)
}

async function readIndexText(path: string): Promise<string> {
  const refuse = refuseFor(path)
  const file = await openRegularFile(path)
  try {
    if (file.byteLength > MAX_INDEX_BYTES) {
      refuse('INDEX_BAD', `the index has ${file.byteLength} bytes; ${MAX_INDEX_BYTES} are allowed`)
    }
    const bytes = new Uint8Array(file.byteLength)
    await file.readInto(bytes, 0)
    refuseStandIn(new TextDecoder('latin1').decode(bytes.subarray(0, 256)), refuse)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    if (cause instanceof TypeError) refuse('INDEX_BAD', 'the index is not UTF-8 text', { cause })
    throw cause
  } finally {
    await file.close()
  }
}

function checkpointOf(
  folder: string,
  files: readonly TorchFile[],
  { weightMap, metadata: indexMetadata }: TorchIndex,
): TorchCheckpoint {
  const entries = new Map(files.flatMap((file) => [...file.entries]))
  const absent = new Map([...weightMap].filter(([name]) => !entries.has(name)))
  const close = () => closeAll(files)
  return { folder, files, entries, absent, indexMetadata, close, [Symbol.asyncDispose]: close }
}

async function closeAll(files: readonly TorchFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()))
}
