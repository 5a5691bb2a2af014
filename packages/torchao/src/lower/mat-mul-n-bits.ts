import { blockProduct, blocksOf, type GraphBuilder, type GraphValue, type LoweringInput } from '@hfquant/core'
import type { GroupedCodes } from '../tensors/grouped-codes.js'
import { codeChunks, scaleChunks, zeroPointChunks } from './mat-mul-n-bits-constants.js'

/** How the codes are laid out for the operator. */
export interface PackedLayout extends GroupedCodes {
  readonly outFeatures: number
  /** 4 or 8. Narrower codes are stored in the next container with their value unchanged, which is exact. */
  readonly container: 4 | 8
  readonly blockSize: number
  /** Blocks of a row; the last one may reach beyond the row. */
  readonly blocks: number
}

/** Block sizes of the operator, and the largest one for a scale that a whole row shares: finer activations are better. */
const BLOCK_SIZES = [256, 128, 64, 32, 16]
const ROW_BLOCK_SIZE = 64

/**
 * The block size that serves a group size: the largest that divides it, so that a group becomes whole blocks with equal
 * scales. A row with one scale need not be divided evenly. Undefined when there is none.
 */
export function matMulNBitsBlock(groupSize: number, inFeatures: number): number | undefined {
  const wholeRow = groupSize === inFeatures
  const allowed = wholeRow ? BLOCK_SIZES.filter((size) => size <= ROW_BLOCK_SIZE) : BLOCK_SIZES
  return allowed.find((size) => groupSize % size === 0) ?? (wholeRow ? ROW_BLOCK_SIZE : undefined)
}

/** y = x·Wᵀ by a product of blocks; zero points are left out when all are 0. */
export const lowerMatMulNBits =
  (codes: GroupedCodes) =>
  (graph: GraphBuilder, layer: LoweringInput): GraphValue => {
    const layout = packedLayout(layer, codes, matMulNBitsBlock(codes.groupSize, layer.weight.inFeatures)!)
    return blockProduct(graph, layer.input, layer.weight, {
      ...{ name: `${layer.weight.path}.matmul_nbits`, bits: layout.container, blockSize: layout.blockSize },
      codes: { chunks: () => codeChunks(layer, layout) },
      scales: { chunks: () => scaleChunks(layer, layout) },
      zeros: codes.zeroPoint === 'values' ? { chunks: () => zeroPointChunks(layer, layout) } : undefined,
    })
  }

/** Rows of an embedding; undefined where no block size divides a group. */
export const lowerGather =
  (codes: GroupedCodes) =>
  (graph: GraphBuilder, layer: LoweringInput): GraphValue | undefined =>
    gather(graph, layer, codes)

/**
 * Rows of a table by `GatherBlockQuantized`, which dequantizes those that are looked up and no others: data uint8
 * [rows, inFeatures * container / 8] and the other constants as `MatMulNBits` has them.
 */
function gather(graph: GraphBuilder, layer: LoweringInput, weight: GroupedCodes): GraphValue | undefined {
  const { inFeatures } = layer.weight
  const blockSize = BLOCK_SIZES.find((size) => weight.groupSize % size === 0)
  if (blockSize === undefined) return undefined
  const layout = packedLayout(layer, weight, blockSize)
  const { container, outFeatures, blocks } = layout
  const constant = (
    part: string,
    dtype: 'uint8' | 'float32',
    shape: readonly number[],
    chunks: () => AsyncIterable<Uint8Array>,
  ) => graph.constant({ name: `${layer.weight.path}.gather.${part}`, dtype, shape, chunks })
  const codes = constant('codes', 'uint8', [outFeatures, (inFeatures * container) / 8], () =>
    codeChunks(layer, layout),
  )
  const scales = constant('scales', 'float32', [outFeatures, blocks], () => scaleChunks(layer, layout))
  const zeros =
    weight.zeroPoint === 'values'
      ? [
          constant('zero_points', 'uint8', [outFeatures, Math.ceil((blocks * container) / 8)], () =>
            zeroPointChunks(layer, layout),
          ),
        ]
      : []
  return graph.node('GatherBlockQuantized', [codes, layer.input, scales, ...zeros], {
    domain: 'com.microsoft',
    attributes: {
      bits: { int: container },
      block_size: { int: blockSize },
      gather_axis: { int: 0 },
      quantize_axis: { int: 1 },
    },
  })
}

function packedLayout({ weight }: LoweringInput, codes: GroupedCodes, blockSize: number): PackedLayout {
  const container = codes.bits <= 4 ? 4 : 8
  const blocks = blocksOf(weight.inFeatures, blockSize)
  return { ...codes, outFeatures: weight.outFeatures, container, blockSize, blocks }
}
