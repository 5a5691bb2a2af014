import type { GraphBuilder, GraphValue } from '@hfquant/core'
import { cast } from '@hfquant/onnx'

/**
 * The places of tokens in their text when those with the id `padding` are not counted, from `padding` + 1 on; a token with
 * that id has `padding` itself.
 *
 * @param ids int64 [B, S]
 */
export function countedPositions(graph: GraphBuilder, ids: GraphValue, padding: number): GraphValue {
  const number = graph.literal('int64', [], [padding])
  const isText = graph.node('Not', [graph.node('Equal', [ids, number])])
  const counted = cast(graph, isText, 'int64')
  const places = graph.node('CumSum', [counted, graph.literal('int64', [], [1])])
  return graph.node('Add', [graph.node('Mul', [places, counted]), number])
}
