import type { GraphValue } from '@hfquant/core'
import type { Graph } from '@hfquant/onnx'
import type { AttentionConfig } from '../../models/attention.js'
import { angleTable, inverseFrequencies } from '../../models/rope.js'
import { BATCH, PAST, PORTS, SEQUENCE, TOTAL, tokenInput } from './ports.js'

/** TensorProto.DataType */
const FLOAT = 1
const INT32 = 6

/** Added to the score of a padded position; nearly the lowest float32, and no infinity, so that no row becomes NaN. */
const HIDDEN = -3.4e38

/** What the attention of every layer shares. */
export interface AttentionInputs {
  readonly positionIds: GraphValue
  /** [B, 1, S, T]: 0 for tokens, far below it for padding. */
  readonly bias: GraphValue
  /** int32 [B]: all positions, padding included, minus one. */
  readonly lastPosition: GraphValue
  /** int32 [] */
  readonly totalLength: GraphValue
  readonly cos: GraphValue
  readonly sin: GraphValue
}

/**
 * Batches are padded on the left. The attention operator knows lengths, not masks: so every row gets the full length,
 * positions are rotated outside of the operator, and padding is hidden by a bias.
 */
export function attentionInputs(graph: Graph, ids: GraphValue, config: AttentionConfig): AttentionInputs {
  const { headSize, maxPositions, rope } = config
  const mask = tokenInput(graph, PORTS.attentionMask, TOTAL)
  const frequencies = inverseFrequencies(headSize, rope)
  const table = (name: string, wave: (angle: number) => number) =>
    graph.constant({
      name,
      dtype: 'float32',
      shape: [maxPositions, headSize / 2],
      chunks: () => angleTable(frequencies, maxPositions, wave),
    })
  const dimension = (value: GraphValue, axis: number) =>
    graph.node('Gather', [graph.node('Shape', [value]), graph.literal('int64', [1], [axis])]) // [1]
  const [batch, sequence, total] = [dimension(ids, 0), dimension(ids, 1), dimension(mask, 1)]
  const one = graph.literal('int64', [1], [1])
  const last = cast(graph, graph.node('Sub', [total, one]), INT32)
  return {
    positionIds: tokenInput(graph, PORTS.positionIds, SEQUENCE),
    bias: graph.node('Expand', [
      hiddenPadding(graph, mask),
      concatenate(graph, [batch, one, sequence, total]),
    ]),
    lastPosition: graph.node('Expand', [last, batch]),
    totalLength: graph.node('Squeeze', [cast(graph, total, INT32), graph.literal('int64', [1], [0])]),
    cos: table('rope.cos', Math.cos),
    sin: table('rope.sin', Math.sin),
  }
}

/** Mask [B, T] -> [B, 1, 1, T]. */
function hiddenPadding(graph: Graph, mask: GraphValue): GraphValue {
  const isPadding = graph.node('Sub', [graph.literal('float32', [], [1]), cast(graph, mask, FLOAT)])
  const low = graph.node('Mul', [isPadding, graph.literal('float32', [], [HIDDEN])])
  return graph.node('Unsqueeze', [low, graph.literal('int64', [2], [1, 2])])
}

const cast = (graph: Graph, value: GraphValue, to: number): GraphValue =>
  graph.node('Cast', [value], { attributes: { to: { int: to } } })

const concatenate = (graph: Graph, values: readonly GraphValue[]): GraphValue =>
  graph.node('Concat', values, { attributes: { axis: { int: 0 } } })

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
 * Rotary positions and causal grouped-query attention of one layer, with the whole cache as output, which the library
 * passes in again.
 *
 * @returns [B, S, heads · headSize]
 */
export function attend({ graph, index, query, key, value, inputs, config }: AttentionCall): GraphValue {
  const { heads, kvHeads, headSize } = config
  const rotate = (input: GraphValue) =>
    graph.node('RotaryEmbedding', [input, inputs.positionIds, inputs.cos, inputs.sin], {
      domain: 'com.microsoft',
    })
  const past = (name: string) => graph.input(name, 'float32', [BATCH, kvHeads, PAST, headSize])
  const [attended, presentKey, presentValue] = graph.nodes(
    'GroupQueryAttention',
    [
      ...[rotate(query), rotate(key), value],
      ...[past(PORTS.pastKey(index)), past(PORTS.pastValue(index))],
      ...[inputs.lastPosition, inputs.totalLength],
      ...[undefined, undefined, undefined, inputs.bias],
    ],
    3,
    { domain: 'com.microsoft', attributes: { num_heads: { int: heads }, kv_num_heads: { int: kvHeads } } },
  )
  const shape = [BATCH, kvHeads, TOTAL, headSize]
  graph.output(PORTS.presentKey(index), presentKey!, 'float32', shape)
  graph.output(PORTS.presentValue(index), presentValue!, 'float32', shape)
  return attended!
}
