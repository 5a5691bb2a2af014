import type { GraphValue } from '@hfquant/core'
import { type CacheShape, DECODER, type Graph } from '@hfquant/onnx'
import type { DecoderConfig } from './architecture.js'
import { angleTable, inverseFrequencies, type RopeConfig } from './rope.js'

export interface AttentionConfig extends DecoderConfig {
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly rope: RopeConfig
}

/** Graph inputs and tables that the attention of every layer shares. */
export interface AttentionInputs {
  readonly positionIds: GraphValue
  readonly lastPosition: GraphValue
  readonly totalLength: GraphValue
  readonly cos: GraphValue
  readonly sin: GraphValue
}

export function attentionInputs(graph: Graph, config: AttentionConfig): AttentionInputs {
  const { headSize, maxPositions, rope } = config
  const frequencies = inverseFrequencies(headSize, rope)
  const table = (name: string, wave: (angle: number) => number) =>
    graph.constant({
      name,
      dtype: 'float32',
      shape: [maxPositions, headSize / 2],
      chunks: () => angleTable(frequencies, maxPositions, wave),
    })
  return {
    positionIds: graph.input(DECODER.positionIds, 'int64', ['B', 'S']),
    lastPosition: graph.input(DECODER.lastPosition, 'int32', ['B']),
    totalLength: graph.input(DECODER.totalLength, 'int32', []),
    cos: table('rope.cos', Math.cos),
    sin: table('rope.sin', Math.sin),
  }
}

interface AttentionCall {
  readonly graph: Graph
  readonly index: number
  /** [B, S, heads · headSize] */
  readonly query: GraphValue
  /** [B, S, kvHeads · headSize] */
  readonly key: GraphValue
  readonly value: GraphValue
  readonly inputs: AttentionInputs
  readonly config: AttentionConfig
}

/**
 * Rotary positions and causal grouped-query attention of one layer.
 *
 * Rotation stands in nodes of its own, so that the rotated keys are values of the graph: with the new values they are
 * its only cache outputs. The operator's own `present` outputs would be the whole cache, copied for every token; they
 * must be declared all the same, or its results are wrong.
 *
 * @returns [B, S, heads · headSize]
 */
export function attend({ graph, index, query, key, value, inputs, config }: AttentionCall): GraphValue {
  const { heads, kvHeads, headSize } = config
  const rotate = (input: GraphValue) =>
    graph.node('RotaryEmbedding', [input, inputs.positionIds, inputs.cos, inputs.sin], {
      domain: 'com.microsoft',
    })
  const rotatedKey = rotate(key)
  const { pastKey, pastValue } = pastInputs(graph, index, config.cache)
  const [attended] = graph.nodes(
    'GroupQueryAttention',
    [rotate(query), rotatedKey, value, pastKey, pastValue, inputs.lastPosition, inputs.totalLength],
    3,
    { domain: 'com.microsoft', attributes: { num_heads: { int: heads }, kv_num_heads: { int: kvHeads } } },
  )
  graph.output(DECODER.newKey(index), rotatedKey, 'float32', ['B', 'S', kvHeads * headSize])
  graph.output(DECODER.newValue(index), value, 'float32', ['B', 'S', kvHeads * headSize])
  return attended!
}

function pastInputs(graph: Graph, index: number, { heads, headSize }: CacheShape) {
  const shape = ['B', heads, 'P', headSize]
  return {
    pastKey: graph.input(DECODER.pastKey(index), 'float32', shape),
    pastValue: graph.input(DECODER.pastValue(index), 'float32', shape),
  }
}
