import type { TensorInfo } from '../contract/tensor.js'

/** What loading found, by tensor name. */
export interface LoadingReport {
  /** Parameters of the model that the checkpoint lacks. */
  readonly missing: readonly string[]
  /** Tensors of the checkpoint that the model has no place for; they were left out. */
  readonly unexpected: readonly string[]
  readonly mismatched: readonly Mismatch[]
  /** Weights that were quantized, or packed anew, while loading. */
  readonly converted: readonly string[]
}

export interface Mismatch {
  readonly tensor: string
  readonly found: TensorInfo
  readonly expected: TensorInfo
}

export const describeTensor = ({ dtype, shape }: TensorInfo): string => `${dtype} [${shape.join(', ')}]`
