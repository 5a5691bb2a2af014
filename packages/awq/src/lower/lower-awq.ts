import {
  blockProduct,
  blockSizeFor,
  type ConstantTensor,
  type FloatDtype,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
} from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { ACT_SCALES, type AwqLayout } from '../format/layout.js'
import { codeChunks, codePieces, offsetChunks, scaleChunks, zeroChunks } from './constants.js'

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
  const { weight } = layer
  const { groupSize, symmetric, hasFractions, actScaleDtype } = layout
  const blockSize = blockSizeFor(groupSize, weight.inFeatures)
  if (blockSize === undefined) return undefined
  const input =
    actScaleDtype === undefined
      ? layer.input
      : graph.node('Div', [layer.input, graph.constant(actScales(layer, actScaleDtype))])
  return blockProduct(graph, input, weight, {
    ...{ name: `${weight.path}.matmul_nbits`, bits: 4, blockSize },
    codes: {
      chunks: () => codeChunks(layer, layout, blockSize),
      pieces: () => codePieces(layer, layout, blockSize),
    },
    scales: { chunks: () => scaleChunks(layer, layout, blockSize) },
    zeros: symmetric ? undefined : { chunks: () => zeroChunks(layer, layout, blockSize) },
    offsets: hasFractions
      ? { columns: groupSize, values: { chunks: () => offsetChunks(layer, layout) } }
      : undefined,
  })
}

/** float32 [K] */
const actScales = (layer: LoweringInput, dtype: FloatDtype): ConstantTensor => ({
  ...{ name: `${layer.weight.path}.act_scales`, dtype: 'float32', shape: [layer.weight.inFeatures] },
  async *chunks() {
    const values = widenFloats(await layer.read(ACT_SCALES), dtype)
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  },
})
