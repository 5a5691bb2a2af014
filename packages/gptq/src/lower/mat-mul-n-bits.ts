import {
  blockProduct,
  blockSizeFor,
  blocksOf,
  type CodeBits,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
  reorderChannels,
} from '@hfquant/core'
import type { GptqLayout } from '../format/layout.js'
import { codeChunks, codePieces, scaleChunks, zeroPointChunks } from './constants.js'

/** A GPTQ weight as `MatMulNBits` wants it. */
export interface PackedLayout extends GptqLayout {
  readonly rows: number
  readonly columns: number
  /**
   * Bits of a stored code. Codes of 2 and 3 bits lie in 4 with their value unchanged, which is exact and fast; with
   * `memory: 'low'` codes of 2 bits lie in 2. The operator has no 3 bits.
   */
  readonly container: CodeBits
  readonly blockSize: number
  readonly blocks: number
}

/** The kernel for stored codes of 2 bits takes no smaller blocks; the operator then goes a way that is far slower. */
const NARROW_BLOCK = 32

/**
 * y = x·Wᵀ by `MatMulNBits`. Channels whose groups are scattered are put in order first, by one `Gather` that layers
 * with the same order share.
 *
 * @returns undefined when the operator has no block size for the groups, or the groups cannot be made runs.
 */
export function lowerMatMulNBits(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: GptqLayout,
): GraphValue | undefined {
  const { inFeatures: columns, outFeatures: rows, path } = layer.weight
  const blockSize = blockSizeFor(layout.groupSize, columns)
  if (blockSize === undefined || layout.order === null) return undefined
  const isNarrow = layer.memory === 'low' && layout.bits === 2 && blockSize >= NARROW_BLOCK
  const container = isNarrow ? 2 : layout.bits <= 4 ? 4 : 8
  const blocks = blocksOf(columns, blockSize)
  const packed: PackedLayout = { ...layout, rows, columns, container, blockSize, blocks }
  const input = reorderChannels(graph, layer.input, layout.order)
  return blockProduct(graph, input, layer.weight, {
    ...{ name: `${path}.matmul_nbits`, bits: container, blockSize },
    codes: { chunks: () => codeChunks(layer, packed), pieces: () => codePieces(layer, packed) },
    scales: { chunks: () => scaleChunks(layer, packed) },
    zeros: layout.symmetric ? undefined : { chunks: () => zeroPointChunks(layer, packed) },
  })
}
