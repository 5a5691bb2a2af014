import type { StoredWeight } from '../contract/quantizer.js'
import type { TensorInfo } from '../contract/tensor.js'
import { walkModules } from '../shell/module.js'
import type { Shell } from '../shell/shell.js'
import { joinBytes } from './byte-range.js'
import { readRange } from './read-range.js'

/** A tensor of a checkpoint file, by position. */
export interface CheckpointTensor extends TensorInfo {
  readonly name: string
  readonly file: string
  readonly fd: number
  readonly position: number
  readonly byteLength: number
  /**
   * Present when the elements do not lie one after the other from `position`: the same tensor where they do, in a file
   * that lives as long as the checkpoint.
   */
  readonly contiguous?: (signal?: AbortSignal) => Promise<CheckpointTensor>
  /**
   * Present on the contiguous form of a tensor whose place is worth giving back once nobody reads it any more; it is made
   * again when it is asked for again.
   */
  readonly release?: () => void
  /** Present when the tensor is made of others, one behind the other: `fd` and `position` then say nothing. */
  readonly parts?: readonly CheckpointTensor[]
}

/** The opened files of a checkpoint. Headers have been read and checked, tensor data has not been touched. */
export interface Checkpoint extends AsyncDisposable {
  readonly folder: string
  /** The file that was opened: weights, or an index of several. */
  readonly path: string
  /** File names, for messages. */
  readonly files: readonly string[]
  readonly bytesOnDisk: number
  readonly tensors: ReadonlyMap<string, CheckpointTensor>
  /** Header metadata of all files together. */
  readonly metadata: Readonly<Record<string, string>>
  /** See StoredWeight. */
  readonly trusted?: boolean
  /** `dtype` of the index, unchecked. */
  readonly indexDtype: unknown
  /** Tensors that the index lists and no file holds, with the file that it names. */
  readonly absent: ReadonlyMap<string, string>
  /** What is worth a word about the choice of these files. */
  readonly warnings?: readonly string[]
  close(): Promise<void>
}

/**
 * The checkpoint under the names of the shell, tensor by tensor as transformers does it: the prefix of the base model
 * ("model.") is added where it lacks, as in files of the bare base model, and taken off where it stands twice. Buffers that
 * older releases stored are left out.
 */
export function alignCheckpoint(checkpoint: Checkpoint, shell: Shell): Checkpoint {
  const belongs = ownedNames(shell)
  const prefix = `${shell.basePrefix}.`
  const aligned = (name: string): string => {
    if (shell.basePrefix === '' || belongs(name)) return name
    const shorter = name.startsWith(prefix) ? name.slice(prefix.length) : undefined
    return [shorter, prefix + name].find((other) => other !== undefined && belongs(other)) ?? name
  }
  const tensors = new Map<string, CheckpointTensor>()
  for (const [name, tensor] of checkpoint.tensors) {
    if (STALE_BUFFER.test(name)) continue
    const known = aligned(name)
    // A tensor that has the name already keeps it; the other one has no place in the model then.
    tensors.set(known !== name && checkpoint.tensors.has(known) ? name : known, tensor)
  }
  return { ...checkpoint, tensors }
}

/** True for the name of a tensor under a module that has parameters, in whichever form they are stored. */
function ownedNames(shell: Shell): (name: string) => boolean {
  const owners = new Set<string>()
  for (const [path, { parameters }] of walkModules(shell.root)) if (parameters.size > 0) owners.add(path)
  const longest = [...owners].reduce((most, { length }) => Math.max(most, length), 0)
  return (name) => {
    // A name may have any length and any number of dots: what is longer than every path is not cut at each of them.
    for (let dot = name.lastIndexOf('.', longest); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
      if (owners.has(name.slice(0, dot))) return true
    }
    return false
  }
}

/** What the checkpoint holds under a module's path. */
export function storedWeight(checkpoint: Checkpoint, path: string): StoredWeight | undefined {
  const { files, trusted = false } = checkpoint
  const tensors = tensorsBelow(checkpoint, `${path}.`)
  if (tensors.size === 0) return undefined
  return { tensors, files, trusted, read: async (key) => readTensor(tensors.get(key)!) }
}

/** The tensor where its elements lie one after the other; most lie so in their files. */
export const inOneRow = async (tensor: CheckpointTensor, signal?: AbortSignal): Promise<CheckpointTensor> =>
  (await tensor.contiguous?.(signal)) ?? tensor

/** All of its bytes. */
export async function readTensor(tensor: CheckpointTensor): Promise<Uint8Array> {
  const found = await inOneRow(tensor)
  if (found.parts === undefined) return readRange(found)
  return joinBytes(await Promise.all(found.parts.map(readRange)))
}

const STALE_BUFFER = /(^|\.)(rotary_emb\.inv_freq|position_ids)$/

const sortedNames = new WeakMap<object, readonly string[]>()

/**
 * The tensors whose names begin with a prefix, under the rest of their names. Names are sorted once a checkpoint and
 * looked up: what files call their tensors may have any length and any number of dots.
 */
function tensorsBelow({ tensors }: Checkpoint, prefix: string): Map<string, CheckpointTensor> {
  let names = sortedNames.get(tensors)
  if (names === undefined) {
    names = [...tensors.keys()].sort()
    sortedNames.set(tensors, names)
  }
  const found = new Map<string, CheckpointTensor>()
  for (let at = firstFrom(names, prefix); names[at]?.startsWith(prefix); at++) {
    found.set(names[at]!.slice(prefix.length), tensors.get(names[at]!)!)
  }
  return found
}

/** Index of the first name that is not before the given one. */
function firstFrom(names: readonly string[], name: string): number {
  let [low, high] = [0, names.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (names[middle]! < name) low = middle + 1
    else high = middle
  }
  return low
}
