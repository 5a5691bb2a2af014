import { closeSync, openSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { ByteRange } from '@hfquant/kernels'
import { createScratchFolder } from '../cache/work-folder.js'
import type { TensorInfo } from '../contract/tensor.js'
import { outputError } from '../files/output-error.js'
import { tensorBytes } from '../shell/dtype.js'
import type { Storage } from '../shell/parameter.js'

/** Room for tensors that are made while loading. */
export interface TensorStore {
  /** 'new': only tensors that the checkpoint does not hold. 'all': every tensor of the model. */
  readonly scope: 'new' | 'all'
  allocate(tensors: readonly NamedTensor[]): Promise<ReadonlyMap<string, Place>>
  /** Gives the room back; storages handed out become invalid. */
  release(): void
}

export interface NamedTensor extends TensorInfo {
  readonly name: string
  /** The tensors that a checkpoint keeps it as, one behind the other; absent for one of the same name and shape. */
  readonly savedAs?: readonly SavedPart[]
  /** The tensor that a checkpoint keeps it in, and its place among the tensors in it, which are alike. */
  readonly savedIn?: SavedPart & { readonly index: number }
}

export interface SavedPart {
  readonly name: string
  readonly shape: readonly number[]
}

/** Where a tensor is written, and where it is read afterwards. */
export interface Place {
  readonly target: ByteRange
  /** Present when the tensor is written in parts, one behind the other: `target` is then the first of them. */
  readonly parts?: readonly ByteRange[]
  readonly storage: Storage
}

/** The ranges that a tensor is written to. */
export const targetsOf = ({ target, parts }: Place): readonly ByteRange[] => parts ?? [target]

/** Up to this size new tensors are kept in memory; beyond it they go to a file that the system may page out. */
const MEMORY_LIMIT = 256 * 2 ** 20

/** Keeps small models in memory and large ones in a file below `cacheFolder`. */
export function createScratchStore(cacheFolder: string): TensorStore {
  let file: number | undefined
  return {
    scope: 'new',
    async allocate(tensors) {
      const total = tensors.reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0)
      if (total <= MEMORY_LIMIT) return inMemory(tensors)
      file = await openUnnamed(cacheFolder)
      return inFile(tensors, file, cacheFolder)
    },
    release() {
      if (file !== undefined) closeSync(file)
      file = undefined
    },
  }
}

function inMemory(tensors: readonly NamedTensor[]): Map<string, Place> {
  return new Map(
    tensors.map(({ name, dtype, shape }) => {
      const buffer = new SharedArrayBuffer(tensorBytes(dtype, shape))
      const target = { buffer, byteOffset: 0, byteLength: buffer.byteLength }
      return [name, { target, storage: { kind: 'memory', buffer, dtype } }]
    }),
  )
}

/** Direct reads like aligned starts, and so do views of 8-byte elements. */
const ALIGNMENT = 64

function inFile(tensors: readonly NamedTensor[], fd: number, path: string): Map<string, Place> {
  let position = 0
  const places = new Map<string, Place>()
  for (const { name, dtype, shape } of tensors) {
    const range = { fd, position, byteLength: tensorBytes(dtype, shape) }
    places.set(name, { target: range, storage: { kind: 'file', path, dtype, ...range } })
    position = Math.ceil((position + range.byteLength) / ALIGNMENT) * ALIGNMENT
  }
  return places
}

/**
 * A file without a name, in the cache folder or in that for temporary files: the system frees it when the process ends,
 * however it ends.
 *
 * @throws OutputError when neither can be written.
 */
export async function openUnnamed(cacheFolder: string): Promise<number> {
  const { path, remove } = await createScratchFolder(cacheFolder)
  const file = join(path, 'scratch')
  let fd: number | undefined
  try {
    fd = openSync(file, 'wx+', 0o600)
    unlinkSync(file)
    return fd
  } catch (cause) {
    if (fd !== undefined) closeSync(fd)
    throw outputError(cause, path)
  } finally {
    // Network file systems keep an open file in its folder under another name: the next work folder collects it.
    await remove().catch(() => {})
  }
}
