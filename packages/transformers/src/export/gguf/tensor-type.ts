import { elementCount } from '@hfquant/core'
import { blockBytes, blockValues } from '@hfquant/gguf'

/** How the numbers of a tensor are stored. */
export type GgufTensorType = 'F32' | 'F16' | 'Q8_0' | 'Q4_0'

/** What the large matrices of a file are stored as. */
export type GgufType = GgufTensorType

export const GGUF_TYPES: readonly GgufType[] = ['F16', 'F32', 'Q8_0', 'Q4_0']

/** `general.file_type`, by what most matrices are stored as. */
export const FILE_TYPE: Readonly<Record<GgufType, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7 }

export interface TensorShape {
  readonly name: string
  /** [outFeatures, inFeatures], or [size]. */
  readonly shape: readonly number[]
}

/** Small, and felt everywhere; what chooses experts, and what inputs of all layers are made with, too. */
const KEPT =
  /_norm\.weight$|^position_embd\.weight$|ffn_gate_inp(_shexp)?\.weight$|^per_layer_model_proj\.weight$/

/**
 * The rule of llama.cpp's converter: biases, norms, learned positions and everything with one dimension in float32, rows that do not
 * divide into blocks in float16, the rest as asked for. With Q4_0 the matrix that makes the logits gets 8 bits unless
 * `pure` forbids it: it is the one whose errors are felt most.
 */
export function tensorType(
  { name, shape }: TensorShape,
  {
    type,
    pure,
    outputMatrix,
  }: { readonly type: GgufType; readonly pure: boolean; readonly outputMatrix: string },
): GgufTensorType {
  if (shape.length === 1 || name.endsWith('.bias') || KEPT.test(name)) return 'F32'
  if (type === 'F32') return 'F32'
  if (shape.at(-1)! % blockValues(type) !== 0) return 'F16'
  return type === 'Q4_0' && !pure && name === outputMatrix ? 'Q8_0' : type
}

/** Bytes of a whole tensor. */
export function tensorTypeBytes(type: GgufTensorType, shape: readonly number[]): number {
  return (elementCount(shape) / blockValues(type)) * blockBytes(type)
}
