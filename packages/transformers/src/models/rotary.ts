import type { ConstantTensor, GraphBuilder, GraphValue } from '@hfquant/core'
import type { AttentionConfig } from './attention.js'
import { angleTable, inverseFrequencies } from './rope.js'

type RotaryConfig = Pick<AttentionConfig, 'headSize' | 'maxPositions' | 'rope'>
type FloatTable = ConstantTensor & { readonly dtype: 'float32' }

/** Cosines and sines of every position and frequency, each [maxPositions, headSize / 2]. */
export function rotaryTables({ headSize, maxPositions, rope }: RotaryConfig): {
  readonly cos: FloatTable
  readonly sin: FloatTable
} {
  const frequencies = inverseFrequencies(headSize, rope)
  const table = (name: string, wave: (angle: number) => number): FloatTable => ({
    name,
    dtype: 'float32',
    shape: [maxPositions, headSize / 2],
    chunks: () => angleTable(frequencies, maxPositions, wave),
  })
  return { cos: table('rope.cos', Math.cos), sin: table('rope.sin', Math.sin) }
}

/** What a rotation reads beside its input, all of it shared by every layer. */
export interface RotaryInputs {
  /** int64 [B, S] */
  readonly positionIds: GraphValue
  readonly cos: GraphValue
  readonly sin: GraphValue
}

/** Turns the two halves of every head of `input` [B, S, heads · headSize] against each other, by its position. */
export const rotate = (
  graph: GraphBuilder,
  input: GraphValue,
  { positionIds, cos, sin }: RotaryInputs,
): GraphValue => graph.node('RotaryEmbedding', [input, positionIds, cos, sin], { domain: 'com.microsoft' })
