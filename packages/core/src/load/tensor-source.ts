import type { ByteRange } from '@hfquant/kernels'
import type { Dtype } from '../contract/tensor.js'
import type { Parameter, Storage } from '../shell/parameter.js'
import { storageRanges } from '../shell/storage-range.js'
import type { CheckpointTensor } from './checkpoint.js'

/** Where the bytes of a tensor lie. */
export interface TensorSource {
  readonly dtype: Dtype
  /** One behind the other they are the tensor; each holds whole rows. */
  readonly ranges: readonly ByteRange[]
  /** For messages. */
  readonly file: string
}

export const checkpointSource = (tensor: CheckpointTensor): TensorSource => ({
  dtype: tensor.dtype,
  ranges: partsOf(tensor).map(({ fd, position, byteLength }) => ({ fd, position, byteLength })),
  file: tensor.file,
})

/** @throws TypeError for a parameter on the meta device. */
export function parameterSource(parameter: Parameter): TensorSource {
  const { storage } = parameter
  const file =
    storage.kind === 'file' ? storage.path : storage.kind === 'parts' ? storage.parts[0]?.path : undefined
  return { ...storageRanges(parameter), file: file ?? 'memory' }
}

/** A parameter's storage that refers to the tensor where it is. */
export function storageOf(tensor: CheckpointTensor): Storage {
  const { dtype } = tensor
  const parts = partsOf(tensor).map(({ fd, file: path, position, byteLength }) => ({
    ...{ fd, path, position, byteLength },
  }))
  const [only] = parts
  return parts.length === 1 ? { kind: 'file', ...only!, dtype } : { kind: 'parts', parts, dtype }
}

const partsOf = (tensor: CheckpointTensor): readonly CheckpointTensor[] => tensor.parts ?? [tensor]
