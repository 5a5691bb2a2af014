import type { FloatDtype, GraphBuilder, GraphValue, LoweringInput } from '@hfquant/core'
import { codeChunks, scaleChunks, zeroPointChunks } from './mat-mul-n-bits-constants.js'

/** Grouped codes on their way to ONNX Runtime's `MatMulNBits`. */
export interface MatMulNBitsWeight {
  readonly inFeatures: number
  readonly groupSize: number
  readonly bits: number
  readonly scaleDtype: FloatDtype
  readonly zeroPoint: 'absent' | 'zeros' | 'values'
  /** Component keys. */
  readonly qdata: string
  readonly scale: string
  readonly zeros: string
}

/** How the codes are laid out for the operator. */
export interface PackedLayout extends MatMulNBitsWeight {
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
export function lowerMatMulNBits(
  graph: GraphBuilder,
  layer: LoweringInput,
  weight: MatMulNBitsWeight,
): GraphValue {
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
  return graph.node('MatMulNBits', [layer.input, codes, scales, ...zeroPoints], {
    domain: 'com.microsoft',
    attributes: {
      K: { int: inFeatures },
      N: { int: outFeatures },
      bits: { int: container },
      block_size: { int: blockSize },
      accuracy_level: { int: INT8_ACTIVATIONS },
    },
  })
}
