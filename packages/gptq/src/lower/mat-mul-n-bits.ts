import type { GraphBuilder, GraphValue, LoweringInput } from '@hfquant/core'
import type { GptqLayout } from '../format/layout.js'
import { codeChunks, codePieces, orderConstant, scaleChunks, zeroPointChunks } from './constants.js'

/** A GPTQ weight as `MatMulNBits` wants it. */
export interface PackedLayout extends GptqLayout {
  readonly rows: number
  readonly columns: number
  /**
   * Bits of a stored code. Codes of 2 and 3 bits lie in 4 with their value unchanged, which is exact and fast; with
   * `memory: 'low'` codes of 2 bits lie in 2. The operator has no 3 bits.
   */
  readonly container: 2 | 4 | 8
  readonly blockSize: number
  readonly blocks: number
}

/** Block sizes of the operator that cost nothing in accuracy. */
const BLOCK_SIZES = [128, 64, 32, 16]
/** For long groups: small blocks round activations finer. */
const LONG_GROUP_BLOCK = 64

/** The kernel for stored codes of 2 bits takes no smaller blocks; the operator then goes a way that is far slower. */
const NARROW_BLOCK = 32

/** Computes with activations rounded to int8 for each block: the level at which these widths run at memory speed. */
const INT8_ACTIVATIONS = 4

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
  const blocks = Math.ceil(columns / blockSize)
  const packed: PackedLayout = { ...layout, rows, columns, container, blockSize, blocks }
  const input =
    layout.order === undefined
      ? layer.input
      : graph.node('Gather', [layer.input, graph.constant(orderConstant(layout.order))], {
          attributes: { axis: { int: -1 } },
        })
  const codes = graph.constant({
    name: `${path}.matmul_nbits.codes`,
    dtype: 'uint8',
    shape: [rows, blocks, (blockSize * container) / 8],
    chunks: () => codeChunks(layer, packed),
    pieces: () => codePieces(layer, packed),
  })
  const scales = graph.constant({
    name: `${path}.matmul_nbits.scales`,
    dtype: 'float32',
    shape: [rows, blocks],
    chunks: () => scaleChunks(layer, packed),
  })
  const zeroPoints = layout.symmetric
    ? []
    : [
        graph.constant({
          name: `${path}.matmul_nbits.zero_points`,
          dtype: 'uint8',
          shape: [rows, Math.ceil((blocks * container) / 8)],
          chunks: () => zeroPointChunks(layer, packed),
        }),
      ]
  return graph.node('MatMulNBits', [input, codes, scales, ...zeroPoints], {
    domain: 'com.microsoft',
    attributes: {
      K: { int: columns },
      N: { int: rows },
      bits: { int: container },
      block_size: { int: blockSize },
      accuracy_level: { int: INT8_ACTIVATIONS },
    },
  })
}

/** Blocks never cross a group, except that a row with one group may be cut anywhere. */
function blockSizeFor(groupSize: number, columns: number): number | undefined {
  if (groupSize >= columns) return LONG_GROUP_BLOCK
  if (groupSize > 128 && groupSize % LONG_GROUP_BLOCK === 0) return LONG_GROUP_BLOCK
  return BLOCK_SIZES.find((size) => groupSize % size === 0)
}
