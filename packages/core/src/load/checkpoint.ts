import type { StoredWeight } from '../contract/quantizer.js'
import type { TensorInfo } from '../contract/tensor.js'
import { walkParameters } from '../shell/module.js'
import type { Shell } from '../shell/shell.js'
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
  close(): Promise<void>
}

/**
 * The checkpoint under the names of the shell: files of a bare base model lack its prefix ("model."), and buffers
 * that older releases stored are left out.
 */
export function alignCheckpoint(checkpoint: Checkpoint, shell: Shell): Checkpoint {
  const prefix = `${shell.basePrefix}.`
  const names = [...checkpoint.tensors.keys()]
  const bare = shell.basePrefix !== '' && !names.some((name) => name.startsWith(prefix))
  const expected = new Set([...walkParameters(shell.root)].map(([name]) => firstSegments(name)))
  const tensors = new Map<string, CheckpointTensor>()
  for (const [name, tensor] of checkpoint.tensors) {
    if (STALE_BUFFER.test(name)) continue
    const aligned = bare && !expected.has(firstSegments(name)) ? prefix + name : name
    tensors.set(aligned, tensor)
  }
  return { ...checkpoint, tensors }
}

/** What the checkpoint holds under a module's path. */
export function storedWeight(checkpoint: Checkpoint, path: string): StoredWeight | undefined {
  const { files, trusted = false } = checkpoint
  const tensors = tensorsByModule(checkpoint).get(path)
  if (tensors === undefined) return undefined
  return { tensors, files, trusted, read: async (key) => readTensor(tensors.get(key)!) }
}

const readTensor = async (tensor: CheckpointTensor) => readRange((await tensor.contiguous?.()) ?? tensor)

const STALE_BUFFER = /(^|\.)(rotary_emb\.inv_freq|position_ids)$/

/** "lm_head" of "lm_head.weight", "model.norm" of "model.norm.weight". */
const firstSegments = (name: string): string => name.split('.').slice(0, -1).slice(0, 2).join('.')

const modulesOf = new WeakMap<object, Map<string, Map<string, CheckpointTensor>>>()

/** Every tensor under each of its dotted prefixes, made once a checkpoint. */
function tensorsByModule(checkpoint: Checkpoint): Map<string, Map<string, CheckpointTensor>> {
  const known = modulesOf.get(checkpoint.tensors)
  if (known !== undefined) return known
  const modules = new Map<string, Map<string, CheckpointTensor>>()
  for (const [name, tensor] of checkpoint.tensors) {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const path = name.slice(0, dot)
      if (!modules.has(path)) modules.set(path, new Map())
      modules.get(path)!.set(name.slice(dot + 1), tensor)
    }
  }
  modulesOf.set(checkpoint.tensors, modules)
  return modules
}
