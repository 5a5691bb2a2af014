import { elementCount } from '@hfquant/core'
import { floatBytes, GGUF_BLOCK, GGUF_BLOCK_BYTES, runKernel } from '@hfquant/kernels'
import { type FloatWeight, inGroups, notFinite, rowBytes } from '../float-weight.js'
import type { GgufTensorType } from './tensor-type.js'

/** A tensor of a GGUF file before it is encoded. */
export interface GgufTensor {
  readonly name: string
  readonly weight: FloatWeight
  /** Size of the heads whose rows llama.cpp wants with the two halves of a rotation next to each other. */
  readonly rotaryHeadSize?: number
}

/**
 * The stored bytes of a tensor, piece by piece, each made from whole rows.
 *
 * @throws CheckpointError TENSOR_NOT_FINITE for values that the type cannot hold.
 */
export async function* encodeTensor(tensor: GgufTensor, type: GgufTensorType): AsyncGenerator<Uint8Array> {
  const { weight, rotaryHeadSize } = tensor
  const bytes = rowBytes(weight)
  for await (const rows of inGroups(weight.chunks(), bytes * (rotaryHeadSize ?? 1))) {
    const ordered = rotaryHeadSize === undefined ? rows : interleaveHalves(rows, bytes, rotaryHeadSize)
    yield encode(ordered, weight, type)
  }
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

/** Largest value that float16 rounds to a finite one, exclusive. */
const FLOAT16_LIMIT = 65520

/**
 * True when a value is too large for float16.
 *
 * @throws CheckpointError TENSOR_NOT_FINITE
 */
export async function exceedsFloat16(weight: FloatWeight): Promise<boolean> {
  if (weight.dtype === 'float16') return false
  let largest = 0
  for await (const rows of inGroups(weight.chunks(), rowBytes(weight))) {
    const most = new Float32Array(1)
    const params = { dtype: weight.dtype, rows: 1, columns: rows.byteLength / floatBytes(weight.dtype) }
    runKernel('rowAbsMax', params, [rows], [new Uint8Array(most.buffer)])
    if (!Number.isFinite(most[0])) throw notFinite(weight)
    largest = Math.max(largest, most[0]!)
  }
  return largest >= FLOAT16_LIMIT
}

function encode(rows: Uint8Array, weight: FloatWeight, type: GgufTensorType): Uint8Array {
  const { dtype } = weight
  const count = rows.byteLength / floatBytes(dtype)
  if (type === 'F32' || type === 'F16') {
    const to = type === 'F32' ? 'float32' : 'float16'
    const out = new Uint8Array(count * floatBytes(to))
    runKernel('cast', { from: dtype, to }, [rows], [out])
    return out
  }
  const columns = elementCount(weight.shape.slice(1))
  const blocks = new Uint8Array((count / GGUF_BLOCK) * GGUF_BLOCK_BYTES[type])
  const params = { type, dtype, rows: count / columns, columns }
  const { nonFinite } = runKernel('ggufBlocks', params, [rows], [blocks])
  if (nonFinite > 0) throw notFinite(weight)
  return blocks
}
