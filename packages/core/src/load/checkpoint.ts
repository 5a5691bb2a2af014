import { access, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { openSafetensorsCheckpoint } from '@hfquant/safetensors'
import type { StoredWeight } from '../contract/quantizer.js'
import type { TensorInfo } from '../contract/tensor.js'
import { CheckpointError } from '../errors/families.js'
import { fromSafetensorsDtype } from '../shell/dtype.js'
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
}

/** The opened files of a checkpoint. Headers have been read and checked, tensor data has not been touched. */
export interface Checkpoint extends AsyncDisposable {
  readonly folder: string
  /** File names, for messages. */
  readonly files: readonly string[]
  readonly bytesOnDisk: number
  readonly tensors: ReadonlyMap<string, CheckpointTensor>
  readonly metadata: Readonly<Record<string, string>>
  close(): Promise<void>
}

/**
 * Opens the weights of a model folder: `model.safetensors`, or the shards of `model.safetensors.index.json`.
 *
 * @param preferred file names to look for before those.
 * @throws CheckpointError WEIGHTS_NOT_FOUND, or any error of @hfquant/safetensors for a damaged file.
 */
export async function openCheckpoint(folder: string, preferred: readonly string[] = []): Promise<Checkpoint> {
  const path = await findWeights(folder, preferred)
  const opened = await openSafetensorsCheckpoint(path)
  const tensors = new Map<string, CheckpointTensor>()
  for (const [name, { file, entry }] of opened.tensors) {
    tensors.set(name, {
      name,
      dtype: fromSafetensorsDtype(entry.dtype),
      shape: entry.shape,
      file: file.path,
      fd: file.fd,
      position: entry.byteOffset,
      byteLength: entry.byteLength,
    })
  }
  const close = () => opened.close()
  return {
    folder,
    files: opened.files.map((file) => basename(file.path)),
    bytesOnDisk: opened.files.reduce((sum, file) => sum + file.byteLength, 0),
    tensors,
    metadata: opened.metadata,
    close,
    [Symbol.asyncDispose]: close,
  }
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
  const tensors = tensorsByModule(checkpoint).get(path)
  if (tensors === undefined) return undefined
  return { tensors, read: async (key) => readRange(tensors.get(key)!) }
}

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

async function findWeights(folder: string, preferred: readonly string[]): Promise<string> {
  for (const name of [...preferred, 'model.safetensors', 'model.safetensors.index.json']) {
    const path = join(folder, name)
    if (await exists(path)) return path
  }
  const pickled = (await readdir(folder).catch(() => [])).some((name) => PICKLED.test(name))
  throw new CheckpointError(
    pickled ? 'WEIGHTS_PICKLED' : 'WEIGHTS_NOT_FOUND',
    `${folder} has neither model.safetensors nor model.safetensors.index.json${pickled ? ', only pickled files' : ''}`,
    {
      file: folder,
      expected: ['model.safetensors', 'model.safetensors.index.json'],
      hint: pickled
        ? 'Save the model as safetensors first; pickled files are not read.'
        : 'Name the folder that holds config.json and the weights.',
    },
  )
}

/** Endings of files that are written by pickling, or name such files. */
const PICKLED = /\.(bin|pt|pth|ckpt)(\.index\.json)?$/

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
