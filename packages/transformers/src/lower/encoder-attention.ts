import type { GraphValue } from '@hfquant/core'
import type { AttendCall, LayerOps } from '@hfquant/models'
import { cast, type Graph, type TokenRows } from '@hfquant/onnx'
import { attentionAttributes, optionalInputs, withPaddedHeads } from './grouped-query-attention.js'
import { createRotation } from './rotary-tables.js'
import type { RunRequest } from './run-ops.js'
import { windowBias } from './window-bias.js'

interface EncoderAttentionRequest extends RunRequest {
  readonly rows: TokenRows
  /** The last token of each text, int32 [B]. */
  readonly last: () => GraphValue
  /** Tokens of the longest text, int32 []. */
  readonly total: () => GraphValue
}

/**
 * Attention of tokens to all tokens of their text, or to those before them. Each text is told its own length: what stands
 * behind it changes no bit of its scores.
 *
 * The outputs of the operator that would be a cache must be declared, or its results are wrong.
 */
export function encoderAttention({
  graph,
  facts,
  rows,
  last,
  total,
}: EncoderAttentionRequest): Pick<LayerOps, 'attend' | 'rotate'> {
  const biasOf = ({ bias, window }: AttendCall, query: GraphValue, key: GraphValue) => {
    const length = () => lengthOf(graph, total())
    const own = bias?.({ query, key, length: length() })
    if (window === undefined) return own
    const outside = windowBias(graph, window, length())
    return own === undefined ? outside : graph.node('Add', [own, outside])
  }
  return {
    rotate: createRotation({
      ...{ graph, maxPositions: facts.maxPositions },
      constant: (table) => graph.constant(table),
      rowsOf: () => rows.positions(),
    }),
    attend(call) {
      const { heads, kvHeads, sinks, looksBack, window: _, ...rest } = call
      const padded = withPaddedHeads(graph, heads)
      const [query, key, value] = [call.query, call.key!, call.value!].map(rows.toSequences) as [
        GraphValue,
        GraphValue,
        GraphValue,
      ]
      const bias = biasOf(call, query, key)
      const [attended] = graph.nodes(
        'GroupQueryAttention',
        [
          padded.widen(query, heads.count),
          padded.widen(key, kvHeads),
          padded.widen(value, kvHeads),
          ...[undefined, undefined, last(), total()],
          ...optionalInputs(bias, sinks),
        ],
        3,
        {
          domain: 'com.microsoft',
          attributes: {
            ...attentionAttributes({ ...rest, heads, kvHeads }),
            causal: { int: looksBack ? 1 : 0 },
          },
        },
      )
      return rows.fromSequences(padded.narrow(attended!, heads.count))
    },
  }
}

/** int64 [1] of an int32 []. */
const lengthOf = (graph: Graph, total: GraphValue): GraphValue =>
  graph.node('Reshape', [cast(graph, total, 'int64'), graph.literal('int64', [1], [1])])
