import type { ByteRange } from '@hfquant/kernels'
import type { Dtype } from '../contract/tensor.js'
import type { Parameter, Storage } from '../shell/parameter.js'
import { storagePath, storageRanges } from '../shell/storage-range.js'
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
  return { ...storageRanges(parameter), file: storagePath(parameter) }
}

/** A parameter's storage that refers to the tensor where it is. `name` is what errors call it. */
export function storageOf(tensor: CheckpointTensor, name: string): Storage {
  const { dtype } = tensor
  const parts = partsOf(tensor).map(({ fd, file: path, position, byteLength }) => ({
    ...{ fd, path, position, byteLength },
  }))
  const [only] = parts
  return parts.length === 1
    ? { kind: 'file', ...only!, dtype, tensor: name }
    : { kind: 'parts', parts, dtype, tensor: name }
}

const partsOf = (tensor: CheckpointTensor): readonly CheckpointTensor[] => tensor.parts ?? [tensor]
