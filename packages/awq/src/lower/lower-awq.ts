import {
  blockProduct,
  blockSizeFor,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
} from '@hfquant/core'
import { type AwqLayout, groupCount } from '../format/layout.js'
import { codeChunks, correctionChunks, scaleChunks, zeroChunks } from './constants.js'

/**
 * y = x·Wᵀ by the product of blocks. Shifts that are no whole number of scales leave a remainder for each group, which the
 * sums of the inputs of the group are multiplied by.
 *
 * @returns undefined when the operator has no block size for the groups.
 */
export function lowerAwq(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: AwqLayout,
): GraphValue | undefined {
  const { weight, input } = layer
  const blockSize = blockSizeFor(layout.groupSize, weight.inFeatures)
  if (blockSize === undefined) return undefined
  const product = blockProduct(graph, input, weight, {
    ...{ name: `${weight.path}.matmul_nbits`, bits: 4, blockSize },
    codes: { chunks: () => codeChunks(layer, layout, blockSize) },
    scales: { chunks: () => scaleChunks(layer, layout, blockSize) },
    zeros: layout.symmetric ? undefined : { chunks: () => zeroChunks(layer, layout, blockSize) },
  })
  if (!layout.hasFractions) return product
  const groups = groupCount(weight.inFeatures, layout.groupSize)
  const corrections = graph.constant({
    ...{ name: `${weight.path}.matmul_nbits.corrections`, dtype: 'float32' },
    shape: [groups, weight.outFeatures],
    chunks: () => correctionChunks(layer, layout),
  })
  const sums = groupSums(graph, input, groups, layout.groupSize)
  return graph.node('Add', [product, graph.node('MatMul', [sums, corrections])])
}

/** Sums of the inputs of each group: [..., G], whatever the rank of the input. */
function groupSums(
  { node, literal }: GraphBuilder,
  input: GraphValue,
  groups: number,
  groupSize: number,
): GraphValue {
  const leading = node('Shape', [input], { attributes: { end: { int: -1 } } })
  const shape = node('Concat', [leading, literal('int64', [2], [groups, groupSize])], {
    attributes: { axis: { int: 0 } },
  })
  const cut = node('Reshape', [input, shape])
  return node('ReduceSum', [cut, literal('int64', [1], [-1])], { attributes: { keepdims: { int: 0 } } })
}
