import {
  type BlockWeight,
  blockProduct,
  type GraphBuilder,
  type GraphValue,
  type LoweringInput,
} from '@hfquant/core'
import type { Blocks } from './blocks.js'

/** Level 4 computes with activations rounded to int8 for each block, at the speed of memory; 0 with float32 ones. */
export type AccuracyLevel = 0 | 4

/** The constants of the operator; they are made when the weights file is written. */
export interface OperatorConstants {
  /** uint8 [outFeatures, blocksPerRow, blockSize · container / 8] */
  codes(): AsyncIterable<Uint8Array>
  /** float32 [outFeatures, blocksPerRow] */
  scales(): AsyncIterable<Uint8Array>
  /** What is added for the inputs of a unit; see BlockWeight. */
  readonly offsets?: BlockWeight['offsets']
}

/** `input` times the codes less the centre times the scales: the product without zero points. */
export const matMulNBits = (
  graph: GraphBuilder,
  { weight }: LoweringInput,
  input: GraphValue,
  { blockSize, container }: Blocks,
  accuracyLevel: AccuracyLevel,
  { codes, scales, offsets }: OperatorConstants,
): GraphValue =>
  blockProduct(graph, input, weight, {
    ...{ name: `${weight.path}.matmul_nbits`, bits: container, blockSize, accuracyLevel },
    ...{ codes: { chunks: codes }, scales: { chunks: scales }, offsets },
  })
