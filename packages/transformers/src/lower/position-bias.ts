import type { GraphBuilder, GraphValue } from '@hfquant/core'
import { cast } from '@hfquant/onnx'

/**
 * Linear biases of attention [1, heads, S, T]: slope of the head times the position of the key. Scores of a token that
 * all grow by the same change nothing, so that the position of the query may be left out.
 */
export function positionBias(
  graph: GraphBuilder,
  {
    slopes,
    total,
    newTokens,
  }: {
    readonly slopes: readonly number[]
    /** int32 []: T */
    readonly total: GraphValue
    /** [B, S, ...] */
    readonly newTokens: GraphValue
  },
): GraphValue {
  const number = (value: number) => graph.literal('int32', [], [value])
  const keys = cast(graph, graph.node('Range', [number(0), total, number(1)]), 'float32') // [T]
  const each = graph.literal('float32', [1, slopes.length, 1, 1], slopes)
  const biases = graph.node('Mul', [each, keys]) // [1, heads, 1, T]
  const one = graph.literal('int64', [1], [1])
  const length = graph.node('Gather', [graph.node('Shape', [newTokens]), one]) // [1]
  const shape = graph.node('Concat', [one, one, length, one], { attributes: { axis: { int: 0 } } })
  return graph.node('Expand', [biases, shape])
}
