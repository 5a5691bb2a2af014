import type { GraphValue } from '@hfquant/core'
import { type CacheDtype, type CacheShape, DECODER, type Graph } from '@hfquant/onnx'
import type { DecoderConfig } from './architecture.js'
import { cast } from './cast.js'
import type { RopeConfig } from './rope.js'
import { type RotaryInputs, rotaryTables, rotate } from './rotary.js'

export interface AttentionConfig extends DecoderConfig {
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly rope: RopeConfig
}

/** Graph inputs and tables that the attention of every layer shares. */
export interface AttentionInputs extends RotaryInputs {
  readonly lastPosition: GraphValue
  readonly totalLength: GraphValue
}

export function attentionInputs(graph: Graph, config: AttentionConfig): AttentionInputs {
  const { cos, sin } = rotaryTables(config)
  return {
    positionIds: graph.input(DECODER.positionIds, 'int64', ['B', 'S']),
    lastPosition: graph.input(DECODER.lastPosition, 'int32', ['B']),
    totalLength: graph.input(DECODER.totalLength, 'int32', []),
    cos: graph.constant(cos),
    sin: graph.constant(sin),
  }
}

export interface AttentionCall<Inputs extends RotaryInputs = AttentionInputs> {
  readonly graph: Graph
  readonly index: number
  /** [B, S, heads · headSize] */
  readonly query: GraphValue
  /** [B, S, kvHeads · headSize] */
  readonly key: GraphValue
  readonly value: GraphValue
  readonly inputs: Inputs
  readonly config: AttentionConfig
}

/**
 * Rotary positions and causal grouped-query attention of one layer.
 *
 * Rotation stands in nodes of its own, so that the rotated keys are values of the graph: with the new values they are
 * its only cache outputs. The operator's own `present` outputs would be the whole cache, copied for every token; they
 * must be declared all the same, or its results are wrong.
 *
 * The operator reads queries, keys and values in the dtype of the cache. On x86 its sums and its softmax are float32 all
 * the same.
 *
 * @returns [B, S, heads · headSize]
 */
export function attend({ graph, index, query, key, value, inputs, config }: AttentionCall): GraphValue {
  const { heads, kvHeads, headSize } = config
  const { dtype = 'float32' } = config.cache
  const convert = (input: GraphValue, to: CacheDtype) =>
    dtype === 'float32' ? input : cast(graph, input, to)
  const newKey = convert(rotate(graph, key, inputs), dtype)
  const newValue = convert(value, dtype)
  const { pastKey, pastValue } = pastInputs(graph, index, config.cache)
  const [attended] = graph.nodes(
    'GroupQueryAttention',
    [
      convert(rotate(graph, query, inputs), dtype),
      newKey,
      newValue,
      pastKey,
      pastValue,
      inputs.lastPosition,
      inputs.totalLength,
    ],
    3,
    { domain: 'com.microsoft', attributes: { num_heads: { int: heads }, kv_num_heads: { int: kvHeads } } },
  )
  graph.output(DECODER.newKey(index), newKey, dtype, ['B', 'S', kvHeads * headSize])
  graph.output(DECODER.newValue(index), newValue, dtype, ['B', 'S', kvHeads * headSize])
  return convert(attended!, 'float32')
}

function pastInputs(graph: Graph, index: number, { heads, headSize, dtype = 'float32' }: CacheShape) {
  const shape = ['B', heads, 'P', headSize]
  return {
    pastKey: graph.input(DECODER.pastKey(index), dtype, shape),
    pastValue: graph.input(DECODER.pastValue(index), dtype, shape),
  }
}
