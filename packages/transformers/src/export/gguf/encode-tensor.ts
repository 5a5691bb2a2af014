import { elementCount } from '@hfquant/core'
import { castFloats, floatBytes, GGUF_BLOCK, GGUF_BLOCK_BYTES, runKernel } from '@hfquant/kernels'
import type { GgufPlace } from '@hfquant/models'
import { exceedsFloat16, type FloatWeight, inGroups, notFinite, rowBytes } from '../float-weight.js'
import type { GgufTensorType } from './tensor-type.js'

/** A tensor of a GGUF file before it is encoded. */
export interface GgufTensor extends GgufPlace {
  /** The rows of a stack stand one behind the other, [matrices · rows, columns]. */
  readonly weight: FloatWeight
  readonly shape: readonly number[]
}

/**
 * The stored bytes of a tensor, piece by piece, each made from whole rows.
 *
 * @throws CheckpointError TENSOR_NOT_FINITE for values that the type cannot hold.
 */
export async function* encodeTensor(tensor: GgufTensor, type: GgufTensorType): AsyncGenerator<Uint8Array> {
  const { weight, rotaryHeadSize, groups, offset } = tensor
  const bytes = rowBytes(weight)
  if (groups !== undefined) {
    for (const part of groups.sizes.keys()) {
      const perGroup = bytes * groups.sizes.reduce((sum, size) => sum + size, 0)
      for await (const rows of inGroups(weight.chunks(), perGroup)) {
        yield encode(partOfGroups(rows, bytes, groups.sizes, part), weight, type)
      }
    }
    return
  }
  for await (const rows of inGroups(weight.chunks(), bytes * (rotaryHeadSize ?? 1))) {
    const ordered = rotaryHeadSize === undefined ? rows : interleaveHalves(rows, bytes, rotaryHeadSize)
    yield encode(ordered, weight, type, offset)
  }
}

/** Of rows in groups [groups, sizes, columns], those of one part of every group. */
function partOfGroups(rows: Uint8Array, bytes: number, sizes: readonly number[], part: number): Uint8Array {
  const before = sizes.slice(0, part).reduce((sum, size) => sum + size, 0) * bytes
  const perGroup = sizes.reduce((sum, size) => sum + size, 0) * bytes
  const own = sizes[part]! * bytes
  const groups = rows.byteLength / perGroup
  const out = new Uint8Array(groups * own)
  for (let group = 0; group < groups; group++) {
    const start = group * perGroup + before
    out.set(rows.subarray(start, start + own), group * own)
  }
  return out
}

/**
 * Rows of heads [heads, 2, headSize / 2] as [heads, headSize / 2, 2]: checkpoints rotate row i with row i + headSize / 2,
 * llama.cpp's "llama" rotates neighbours.
 */
function interleaveHalves(rows: Uint8Array, bytes: number, headSize: number): Uint8Array {
  const out = new Uint8Array(rows.byteLength)
  const half = headSize / 2
  for (let row = 0; row * bytes < rows.byteLength; row++) {
    const within = row % headSize
    const target = row - within + 2 * (within % half) + Math.floor(within / half)
    out.set(rows.subarray(row * bytes, (row + 1) * bytes), target * bytes)
  }
  return out
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
