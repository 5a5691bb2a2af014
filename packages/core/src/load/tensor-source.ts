import type { ByteRange } from '@hfquant/kernels'
import type { Dtype } from '../contract/tensor.js'
import type { Parameter } from '../shell/parameter.js'
import { storageRange } from '../shell/storage-range.js'
import type { CheckpointTensor } from './checkpoint.js'

/** Where the bytes of a tensor lie. */
export interface TensorSource {
  readonly dtype: Dtype
  /** One behind the other they are the tensor; each holds whole rows. */
  readonly ranges: readonly ByteRange[]
  /** For messages. */
  readonly file: string
}

export const checkpointSource = ({
  dtype,
  file,
  fd,
  position,
  byteLength,
}: CheckpointTensor): TensorSource => ({
  dtype,
  ranges: [{ fd, position, byteLength }],
  file,
})

/** @throws TypeError for a parameter on the meta device. */
export function parameterSource(parameter: Parameter): TensorSource {
  const { range, dtype } = storageRange(parameter)
  const { storage } = parameter
  return { dtype, ranges: [range], file: storage.kind === 'file' ? storage.path : 'memory' }
}
