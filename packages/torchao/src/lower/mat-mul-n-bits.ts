import {
  type BlockTable,
  blockLookup,
  blockProduct,
  blocksOf,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
} from '@hfquant/core'
import type { GroupedCodes } from '../tensors/grouped-codes.js'
import { codeChunks, codePieces, scaleChunks, zeroPointChunks } from './mat-mul-n-bits-constants.js'

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
    const blockSize = matMulNBitsBlock(codes.groupSize, layer.weight.inFeatures)!
    return blockProduct(graph, layer.input, layer.weight, blockTable(layer, codes, blockSize, 'matmul_nbits'))
  }

/** Rows of an embedding; undefined where no block size divides a group. */
export const lowerGather =
  (codes: GroupedCodes) =>
  (graph: GraphBuilder, layer: LoweringInput): GraphValue | undefined => {
    const blockSize = BLOCK_SIZES.find((size) => codes.groupSize % size === 0)
    if (blockSize === undefined) return undefined
    return blockLookup(graph, layer.input, layer.weight, blockTable(layer, codes, blockSize, 'gather'))
  }

/** The constants of an operator, made when they are written. */
function blockTable(
  layer: LoweringInput,
  codes: GroupedCodes,
  blockSize: number,
  operator: string,
): BlockTable {
  const layout = packedLayout(layer, codes, blockSize)
  return {
    ...{ name: `${layer.weight.path}.${operator}`, bits: layout.container, blockSize },
    codes: { chunks: () => codeChunks(layer, layout), pieces: () => codePieces(layer, layout) },
    scales: { chunks: () => scaleChunks(layer, layout) },
    zeros: codes.zeroPoint === 'values' ? { chunks: () => zeroPointChunks(layer, layout) } : undefined,
  }
}

function packedLayout({ weight }: LoweringInput, codes: GroupedCodes, blockSize: number): PackedLayout {
  const container = codes.bits <= 4 ? 4 : 8
  const blocks = blocksOf(weight.inFeatures, blockSize)
  return { ...codes, outFeatures: weight.outFeatures, container, blockSize, blocks }
}
