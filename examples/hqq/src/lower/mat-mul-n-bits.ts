import type { ConstantTensor, GraphBuilder, GraphValue, LoweringInput } from '@hfquant/core'
import type { Blocks } from './blocks.js'

/** Level 4 computes with activations rounded to int8 for each block, at the speed of memory; 0 with float32 ones. */
export type AccuracyLevel = 0 | 4

/** The constants of the operator; they are made when the weights file is written. */
export interface OperatorConstants {
  /** uint8 [outFeatures, blocksPerRow, blockSize · container / 8] */
  readonly codes: ConstantTensor['chunks']
  /** float32 [outFeatures, blocksPerRow] */
  readonly scales: ConstantTensor['chunks']
}

/** `input` times the codes less the centre times the scales: `MatMulNBits` without zero points. */
export function matMulNBits(
  graph: GraphBuilder,
  { weight: { path, inFeatures, outFeatures } }: LoweringInput,
  input: GraphValue,
  { blockSize, blocksPerRow, container }: Blocks,
  accuracyLevel: AccuracyLevel,
  constants: OperatorConstants,
): GraphValue {
  const codes = graph.constant({
    name: `${path}.matmul_nbits.codes`,
    dtype: 'uint8',
    shape: [outFeatures, blocksPerRow, (blockSize * container) / 8],
    chunks: constants.codes,
  })
  const scales = graph.constant({
    name: `${path}.matmul_nbits.scales`,
    dtype: 'float32',
    shape: [outFeatures, blocksPerRow],
    chunks: constants.scales,
  })
  return graph.node('MatMulNBits', [input, codes, scales], {
    domain: 'com.microsoft',
    attributes: {
      K: { int: inFeatures },
      N: { int: outFeatures },
      bits: { int: container },
      block_size: { int: blockSize },
      accuracy_level: { int: accuracyLevel },
    },
  })
}
