import { elementCount } from '@hfquant/core'
import { castFloats, floatBytes, GGUF_BLOCK, GGUF_BLOCK_BYTES, runKernel } from '@hfquant/kernels'
import { exceedsFloat16, type FloatWeight, inGroups, notFinite, rowBytes } from '../float-weight.js'
import type { GgufTensorType } from './tensor-type.js'

/** A tensor of a GGUF file before it is encoded. */
export interface GgufTensor {
  readonly name: string
  /** The rows of a stack stand one behind the other, [matrices · rows, columns]. */
  readonly weight: FloatWeight
  readonly shape: readonly number[]
  /** Added to every number. */
  readonly offset?: number | undefined
}

/**
 * The stored bytes of a tensor, piece by piece, each made from whole rows.
 *
 * @throws CheckpointError TENSOR_NOT_FINITE for values that the type cannot hold.
 */
export async function* encodeTensor(
  { weight, offset }: GgufTensor,
  type: GgufTensorType,
): AsyncGenerator<Uint8Array> {
  for await (const rows of inGroups(weight.chunks(), rowBytes(weight))) {
    yield encode(rows, weight, type, offset)
  }
}

/**
 * True when a value is too large for float16.
 *
 * @throws CheckpointError TENSOR_NOT_FINITE
 */
export async function needsFloat32(weight: FloatWeight): Promise<boolean> {
  if (weight.dtype === 'float16') return false
  let exceeds = false
  for await (const rows of inGroups(weight.chunks(), rowBytes(weight))) {
    exceeds = exceedsFloat16(rows, weight) || exceeds
  }
  return exceeds
}

function encode(rows: Uint8Array, weight: FloatWeight, type: GgufTensorType, offset = 0): Uint8Array {
  const { dtype } = weight
  if (offset !== 0) {
    const floats = new Float32Array(castFloats(rows, dtype, 'float32').slice().buffer)
    return castFloats(
      new Uint8Array(floats.map((value) => value + offset).buffer),
      'float32',
      type === 'F16' ? 'float16' : 'float32',
    )
  }
  if (type === 'F32' || type === 'F16') {
    return castFloats(rows, dtype, type === 'F32' ? 'float32' : 'float16')
  }
  const count = rows.byteLength / floatBytes(dtype)
  const columns = elementCount(weight.shape.slice(1))
  const blocks = new Uint8Array((count / GGUF_BLOCK) * GGUF_BLOCK_BYTES[type])
  const params = { type, dtype, rows: count / columns, columns }
  const { nonFinite } = runKernel('ggufBlocks', params, [rows], [blocks])
  if (nonFinite > 0) throw notFinite(weight)
  return blocks
}
