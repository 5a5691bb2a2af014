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
  const { inFeatures } = layer.weight
  const layout = packedLayout(layer, weight, matMulNBitsBlock(weight.groupSize, inFeatures)!)
  const { blockSize, blocks, container, outFeatures } = layout
  const constants = packedConstants(graph, layer, layout, 'matmul_nbits', [
    outFeatures,
    blocks,
    (blockSize * container) / 8,
  ])
  return matMulNBitsNode(graph, layer, constants, { bits: container, blockSize })
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
  const { container, outFeatures } = layout
  const [codes, ...scaling] = packedConstants(graph, layer, layout, 'gather', [
    outFeatures,
    (inFeatures * container) / 8,
  ])
  return graph.node('GatherBlockQuantized', [codes, layer.input, ...scaling], {
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
  const blocks = Math.ceil(weight.inFeatures / blockSize)
  return { ...codes, outFeatures: weight.outFeatures, container, blockSize, blocks }
}

/** [codes, scales, zero points]; the last are left out when all are 0. */
function packedConstants(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: PackedLayout,
  use: string,
  codesShape: readonly number[],
): readonly GraphValue[] {
  const { outFeatures, blocks, container, zeroPoint } = layout
  const name = (part: string) => `${layer.weight.path}.${use}.${part}`
  const codes = graph.constant({
    name: name('codes'),
    dtype: 'uint8',
    shape: codesShape,
    chunks: () => codeChunks(layer, layout),
  })
  const scales = graph.constant({
    name: name('scales'),
    dtype: 'float32',
    shape: [outFeatures, blocks],
    chunks: () => scaleChunks(layer, layout),
  })
  if (zeroPoint !== 'values') return [codes, scales]
  const zeroPoints = graph.constant({
    name: name('zero_points'),
    dtype: 'uint8',
    shape: [outFeatures, Math.ceil((blocks * container) / 8)],
    chunks: () => zeroPointChunks(layer, layout),
  })
  return [codes, scales, zeroPoints]
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
