import {
  describePart,
  type FloatDtype,
  isFloatDtype,
  type StoredTensors,
  type WeightInfo,
} from '@hfquant/core'

/**
 * Old tools wrote a bias for layers that have none. One of zeros is left out; any other belongs to the weight.
 *
 * @returns its dtype; undefined where there is none to be adopted.
 * @throws CheckpointError TENSOR_MISMATCH for a bias of another shape.
 */
export async function storedBias(
  { outFeatures, hasBias }: WeightInfo,
  tensors: StoredTensors,
): Promise<FloatDtype | undefined> {
  const bias = tensors.find('bias')
  if (hasBias || bias === undefined) return undefined
  const { dtype, shape } = bias
  if (!isFloatDtype(dtype) || shape.length !== 1 || shape[0] !== outFeatures) {
    throw tensors.mismatch('bias', { found: describePart(bias), expected: `float16 [${outFeatures}]` })
  }
  if (tensors.trusted) return undefined
  return isZero(await tensors.read('bias'), dtype === 'float32' ? 4 : 2) ? undefined : dtype
}

/** Zeros of either sign: the highest bit of an element does not count. */
const isZero = (bytes: Uint8Array, width: number): boolean =>
  bytes.every((byte, index) => (index % width === width - 1 ? byte & 0x7f : byte) === 0)
