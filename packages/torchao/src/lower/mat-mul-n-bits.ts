import type { GraphBuilder, GraphValue, LoweringInput } from '@hfquant/core'
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

/** Computes with activations rounded to int8 for each block: the level at which 4 and 8 bits run at memory speed. */
const INT8_ACTIVATIONS = 4

/**
 * The block size that serves a group size: the largest that divides it, so that a group becomes whole blocks with equal
 * scales. A row with one scale need not be divided evenly. Undefined when there is none.
 */
export function matMulNBitsBlock(groupSize: number, inFeatures: number): number | undefined {
  const wholeRow = groupSize === inFeatures
  const allowed = wholeRow ? BLOCK_SIZES.filter((size) => size <= ROW_BLOCK_SIZE) : BLOCK_SIZES
  return allowed.find((size) => groupSize % size === 0) ?? (wholeRow ? ROW_BLOCK_SIZE : undefined)
}

/**
 * y = x·Wᵀ by `MatMulNBits`: B uint8 [N, blocks, blockSize * container / 8], code plus 2^(container-1); scales float32
 * [N, blocks]; zero points uint8 [N, ceil(blocks * container / 8)], left out when all are 0.
 */
export const lowerMatMulNBits =
  (codes: GroupedCodes) =>
  (graph: GraphBuilder, layer: LoweringInput): GraphValue =>
    matMulNBits(graph, layer, codes)

function matMulNBits(graph: GraphBuilder, layer: LoweringInput, weight: GroupedCodes): GraphValue {
  const { inFeatures, outFeatures, path } = layer.weight
  const blockSize = matMulNBitsBlock(weight.groupSize, inFeatures)!
  const blocks = Math.ceil(inFeatures / blockSize)
  const container = weight.bits <= 4 ? 4 : 8
  const layout: PackedLayout = { ...weight, outFeatures, container, blockSize, blocks }
  const codes = graph.constant({
    name: `${path}.matmul_nbits.codes`,
    dtype: 'uint8',
    shape: [outFeatures, blocks, (blockSize * container) / 8],
    chunks: () => codeChunks(layer, layout),
  })
  const scales = graph.constant({
    name: `${path}.matmul_nbits.scales`,
    dtype: 'float32',
    shape: [outFeatures, blocks],
    chunks: () => scaleChunks(layer, layout),
  })
  const zeroPoints =
    weight.zeroPoint === 'values'
      ? [
          graph.constant({
            name: `${path}.matmul_nbits.zero_points`,
            dtype: 'uint8',
            shape: [outFeatures, Math.ceil((blocks * container) / 8)],
            chunks: () => zeroPointChunks(layer, layout),
          }),
        ]
      : []
  return matMulNBitsNode(graph, layer, [codes, scales, ...zeroPoints], { bits: container, blockSize })
}

/** The operator on weights that are laid out for it: [codes, scales, zero points]. */
export const matMulNBitsNode = (
  graph: GraphBuilder,
  { input, weight }: LoweringInput,
  constants: readonly GraphValue[],
  { bits, blockSize }: { readonly bits: 4 | 8; readonly blockSize: number },
): GraphValue =>
  graph.node('MatMulNBits', [input, ...constants], {
    domain: 'com.microsoft',
    attributes: {
      K: { int: weight.inFeatures },
      N: { int: weight.outFeatures },
      bits: { int: bits },
      block_size: { int: blockSize },
      accuracy_level: { int: INT8_ACTIVATIONS },
    },
  })
