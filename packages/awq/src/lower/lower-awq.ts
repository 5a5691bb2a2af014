import {
  blockProduct,
  blockSizeFor,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
} from '@hfquant/core'
import type { AwqLayout } from '../format/layout.js'
import { codeChunks, offsetChunks, scaleChunks, zeroChunks } from './constants.js'

/**
 * y = x·Wᵀ by the product of blocks. Shifts that are no whole number of scales leave an offset for each group.
 *
 * @returns undefined when the operator has no block size for the groups.
 */
export function lowerAwq(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: AwqLayout,
): GraphValue | undefined {
  const { weight, input } = layer
  const { groupSize, symmetric, hasFractions } = layout
  const blockSize = blockSizeFor(groupSize, weight.inFeatures)
  if (blockSize === undefined) return undefined
  return blockProduct(graph, input, weight, {
    ...{ name: `${weight.path}.matmul_nbits`, bits: 4, blockSize },
    codes: { chunks: () => codeChunks(layer, layout, blockSize) },
    scales: { chunks: () => scaleChunks(layer, layout, blockSize) },
    zeros: symmetric ? undefined : { chunks: () => zeroChunks(layer, layout, blockSize) },
    offsets: hasFractions
      ? { columns: groupSize, values: { chunks: () => offsetChunks(layer, layout) } }
      : undefined,
  })
}
