import type { GraphBuilder, GraphValue, LoweringInput } from '@hfquant/core'
import type { HqqLayout } from '../format/layout.js'
import { type Blocks, cutBlocks } from './blocks.js'
import { codeChunks, correctionChunks, scaleChunks } from './constants.js'
import { lowerColumns } from './lower-columns.js'
import { type AccuracyLevel, matMulNBits } from './mat-mul-n-bits.js'

/**
 * y = x·Wᵀ by `MatMulNBits` without zero points, plus what real zero points add: sums of the inputs, times a constant.
 * The sums depend on the input alone, so layers that share an input share them.
 *
 * @returns undefined for what has no such form and is computed on the dequantized weight.
 */
export function lowerHqq(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: HqqLayout,
  accuracyLevel: AccuracyLevel = 4,
): GraphValue | undefined {
  if (layout.axis === 0) return lowerColumns(graph, layer, layout, accuracyLevel)
  const blocks = cutBlocks(layer.weight, layout)
  if (blocks === undefined) return undefined
  const { path, outFeatures } = layer.weight
  const { unitsPerRow } = blocks
  const corrections = graph.constant({
    name: `${path}.matmul_nbits.corrections`,
    dtype: 'float32',
    shape: [unitsPerRow, outFeatures],
    chunks: () => correctionChunks(layer, layout, blocks),
  })
  const product = matMulNBits(graph, layer, layer.input, blocks, accuracyLevel, {
    codes: () => codeChunks(layer, layout, blocks),
    scales: () => scaleChunks(layer, layout, blocks),
  })
  return graph.node('Add', [product, graph.node('MatMul', [inputSums(graph, layer, blocks), corrections])])
}

/** Sums of the inputs over each unit: [..., unitsPerRow], whatever the rank of the input. */
function inputSums(
  { node, literal }: GraphBuilder,
  { input }: LoweringInput,
  { unit, unitsPerRow }: Blocks,
): GraphValue {
  const leading = node('Shape', [input], { attributes: { end: { int: -1 } } })
  const shape = node('Concat', [leading, literal('int64', [2], [unitsPerRow, unit])], {
    attributes: { axis: { int: 0 } },
  })
  const units = node('Reshape', [input, shape])
  return node('ReduceSum', [units, literal('int64', [1], [-1])], { attributes: { keepdims: { int: 0 } } })
}
