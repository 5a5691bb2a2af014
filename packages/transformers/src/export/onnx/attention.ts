import type { GraphValue } from '@hfquant/core'
import type { Graph } from '@hfquant/onnx'
import type { AttentionCall, AttentionConfig } from '../../models/attention.js'
import { cast } from '../../models/cast.js'
import { type RotaryInputs, rotaryTables, rotate } from '../../models/rotary.js'
import { floatConstant } from './float-constant.js'
import type { OnnxFloat } from './onnx-type.js'
import { BATCH, PAST, PORTS, SEQUENCE, TOTAL, tokenInput } from './ports.js'

/**
 * Added to the score of a padded position: below any score, yet half the lowest float16, so that no sum becomes an
 * infinity. A row of nothing but infinities would become NaN, and spread.
 */
const HIDDEN = -32752

/** What the attention of every layer shares. */
export interface AttentionInputs extends RotaryInputs {
  readonly float: OnnxFloat
  /** [B, 1, S, T]: 0 for tokens, far below it for padding. */
  readonly bias: GraphValue
  /** int32 [B]: all positions, padding included, minus one. */
  readonly lastPosition: GraphValue
  /** int32 [] */
  readonly totalLength: GraphValue
}

/**
 * Batches are padded on the left. The attention operator knows lengths, not masks: so every row gets the full length,
 * positions are rotated outside of the operator, and padding is hidden by a bias.
 */
export function attentionInputs(
  graph: Graph,
  ids: GraphValue,
  config: AttentionConfig,
  float: OnnxFloat,
): AttentionInputs {
  const mask = tokenInput(graph, PORTS.attentionMask, TOTAL)
  const { cos, sin } = rotaryTables(config)
  const dimension = (value: GraphValue, axis: number) =>
    graph.node('Gather', [graph.node('Shape', [value]), graph.literal('int64', [1], [axis])]) // [1]
  const [batch, sequence, total] = [dimension(ids, 0), dimension(ids, 1), dimension(mask, 1)]
  const one = graph.literal('int64', [1], [1])
  const last = cast(graph, graph.node('Sub', [total, one]), 'int32')
  return {
    float,
    positionIds: tokenInput(graph, PORTS.positionIds, SEQUENCE),
    bias: graph.node('Expand', [
      cast(graph, hiddenPadding(graph, mask), float),
      concatenate(graph, [batch, one, sequence, total]),
    ]),
    lastPosition: graph.node('Expand', [last, batch]),
    totalLength: graph.node('Squeeze', [cast(graph, total, 'int32'), graph.literal('int64', [1], [0])]),
    // Made in wider floats and rounded last: an entry in float16 is off by 2^-12 at most, at whatever position.
    cos: floatConstant(graph, cos, float),
    sin: floatConstant(graph, sin, float),
  }
}

/** Mask [B, T] -> int64 [B, 1, 1, T]. */
function hiddenPadding(graph: Graph, mask: GraphValue): GraphValue {
  const isPadding = graph.node('Sub', [graph.literal('int64', [1], [1]), mask])
  const low = graph.node('Mul', [isPadding, graph.literal('int64', [1], [HIDDEN])])
  return graph.node('Unsqueeze', [low, graph.literal('int64', [2], [1, 2])])
}

const concatenate = (graph: Graph, values: readonly GraphValue[]): GraphValue =>
  graph.node('Concat', values, { attributes: { axis: { int: 0 } } })

/**
 * Rotary positions and causal grouped-query attention of one layer, with the whole cache as output, which the library
 * passes in again.
 *
 * @returns [B, S, heads · headSize]
 */
export function attend(call: AttentionCall<AttentionInputs>): GraphValue {
  const { graph, index, query, key, value, inputs, config } = call
  const { heads, kvHeads, headSize } = config
  const past = (name: string) => graph.input(name, inputs.float, [BATCH, kvHeads, PAST, headSize])
  const [attended, presentKey, presentValue] = graph.nodes(
    'GroupQueryAttention',
    [
      ...[rotate(graph, query, inputs), rotate(graph, key, inputs), value],
      ...[past(PORTS.pastKey(index)), past(PORTS.pastValue(index))],
      ...[inputs.lastPosition, inputs.totalLength],
      ...[undefined, undefined, undefined, inputs.bias],
    ],
    3,
    { domain: 'com.microsoft', attributes: { num_heads: { int: heads }, kv_num_heads: { int: kvHeads } } },
  )
  const shape = [BATCH, kvHeads, TOTAL, headSize]
  graph.output(PORTS.presentKey(index), presentKey!, inputs.float, shape)
  graph.output(PORTS.presentValue(index), presentValue!, inputs.float, shape)
  return attended!
}
