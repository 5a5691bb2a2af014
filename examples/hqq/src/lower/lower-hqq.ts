import type { GraphBuilder, GraphValue, LoweringInput } from '@hfquant/core'
import type { HqqLayout } from '../format/layout.js'
import { cutBlocks } from './blocks.js'
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
  return matMulNBits(graph, layer, layer.input, blocks, accuracyLevel, {
    codes: () => codeChunks(layer, layout, blocks),
    scales: () => scaleChunks(layer, layout, blocks),
    offsets: { columns: blocks.unit, values: { chunks: () => correctionChunks(layer, layout, blocks) } },
  })
}
