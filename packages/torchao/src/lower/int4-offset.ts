import type { GraphBuilder, GraphValue, LoweringInput, QuantizedFormat } from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { QDATA, SCALE, ZERO_POINT } from '../tensors/grouped-codes.js'
import type { Int4Codes } from '../tensors/int4-tensor.js'
import { matMulNBitsBlock, matMulNBitsNode } from './mat-mul-n-bits.js'

/**
 * y = x·Wᵀ for weights code * scale + offset.
 *
 * `MatMulNBits` takes an offset as a fractional zero point, but then rebuilds the whole weight on every call, fifty times
 * slower. So the product is split: the codes alone, symmetric, go through the fast kernel, and the offsets meet the
 * sum of the activations of each group, which is a float product with groupSize times fewer columns.
 *
 * Undefined for a group size that no block size of the operator divides.
 */
export function lowerInt4Offset(codes: Int4Codes): QuantizedFormat['lower'] | undefined {
  const blockSize = matMulNBitsBlock(codes.groupSize, codes.inFeatures)
  if (blockSize === undefined || codes.groupSize % blockSize !== 0) return undefined
  return (graph, layer) => int4Offset(graph, layer, codes, blockSize)
}

function int4Offset(
  graph: GraphBuilder,
  layer: LoweringInput,
  weight: Int4Codes,
  blockSize: number,
): GraphValue {
  const { inFeatures, outFeatures, groupSize } = weight
  const { path } = layer.weight
  const groups = inFeatures / groupSize
  const blocks = inFeatures / blockSize
  const codes = graph.constant({
    name: `${path}.matmul_nbits.codes`,
    dtype: 'uint8',
    shape: [outFeatures, blocks, blockSize / 2],
    chunks: () => unsignedNibbles(layer),
  })
  const scales = graph.constant({
    name: `${path}.matmul_nbits.scales`,
    dtype: 'float32',
    shape: [outFeatures, blocks],
    chunks: () => blockScales(layer, weight, blockSize),
  })
  const offsets = graph.constant({
    name: `${path}.offsets`,
    dtype: 'float32',
    shape: [groups, outFeatures],
    chunks: () => groupOffsets(layer, weight),
  })
  const product = matMulNBitsNode(graph, layer, [codes, scales], { bits: 4, blockSize })
  const grouped = graph.node('Reshape', [layer.input, graph.literal('int64', [3], [-1, groups, groupSize])])
  const sums = graph.node('ReduceSum', [grouped, graph.literal('int64', [1], [2])], {
    attributes: { keepdims: { int: 0 } },
  })
  const shift = graph.node('MatMul', [sums, offsets])
  return graph.node('Add', [product, graph.node('Reshape', [shift, graph.node('Shape', [product])])])
}

/** -8..7 in two's complement -> 0..15 around 8, which is what the operator expects; two a byte, in the same order. */
async function* unsignedNibbles({ read }: LoweringInput): AsyncGenerator<Uint8Array> {
  yield (await read(QDATA)).map((pair) => pair ^ 0x88)
}

/** [groups, outFeatures] -> float32 [outFeatures, blocks], the scale of a group for each of its blocks. */
async function* blockScales(
  { read }: LoweringInput,
  { inFeatures, outFeatures, groupSize, scaleDtype }: Int4Codes,
  blockSize: number,
): AsyncGenerator<Uint8Array> {
  const scales = widenFloats(await read(SCALE), scaleDtype)
  const blocks = inFeatures / blockSize
  const result = new Float32Array(outFeatures * blocks)
  for (let row = 0; row < outFeatures; row++) {
    for (let block = 0; block < blocks; block++) {
      const group = Math.floor((block * blockSize) / groupSize)
      result[row * blocks + block] = scales[group * outFeatures + row]!
    }
  }
  yield new Uint8Array(result.buffer)
}

async function* groupOffsets({ read }: LoweringInput, { scaleDtype }: Int4Codes): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(widenFloats(await read(ZERO_POINT), scaleDtype).buffer)
}
