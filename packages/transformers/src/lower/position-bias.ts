import type { GraphBuilder, GraphValue } from '@hfquant/core'
import { cast } from '@hfquant/onnx'

/**
 * Linear biases of attention [B, heads, S, T], float32: slope of the head times the position of the key less that of the
 * query. Scores of a token that all grow by the same change nothing, so that the position of the key alone would do; but
 * such numbers grow with the text, and in float16 those of neighbours would then be equal. Keys behind the query get
 * biases above 0: attention never reads them.
 */
export function positionBias(
  graph: GraphBuilder,
  {
    slopes,
    last,
    total,
    newTokens,
  }: {
    readonly slopes: readonly number[]
    /** int32 [B]: where the last new token of each sequence stands among the keys. */
    readonly last: GraphValue
    /** int32 []: T */
    readonly total: GraphValue
    /** [B, S, ...] */
    readonly newTokens: GraphValue
  },
): GraphValue {
  const number = (value: number) => graph.literal('int32', [], [value])
  const axes = (...values: number[]) => graph.literal('int64', [values.length], values)
  const length = graph.node('Gather', [graph.node('Shape', [newTokens]), graph.literal('int64', [], [1])])
  const first = graph.node('Sub', [number(1), cast(graph, length, 'int32')])
  const beforeLast = graph.node('Range', [first, number(1), number(1)]) // int32 [S]: 1 - S, …, -1, 0
  const queries = graph.node('Add', [graph.node('Unsqueeze', [last, axes(1)]), beforeLast]) // int32 [B, S]
  const keys = graph.node('Range', [number(0), total, number(1)]) // int32 [T]
  const distances = graph.node('Sub', [keys, graph.node('Unsqueeze', [queries, axes(1, 3)])]) // [B, 1, S, T]
  const each = graph.literal('float32', [1, slopes.length, 1, 1], slopes)
  return graph.node('Mul', [each, cast(graph, distances, 'float32')])
}
