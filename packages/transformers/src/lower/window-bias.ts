import type { GraphBuilder, GraphValue } from '@hfquant/core'

/**
 * Added to the score of a key that is not seen: below any score, yet half the lowest float16, so that no sum becomes an
 * infinity. A row of nothing but infinities would become NaN, and spread.
 */
export const HIDDEN = -32752

/**
 * Takes the weight of keys that are `window` tokens away or more: float32 [1, 1, S, S].
 *
 * @param length S, int64 [1]
 */
export function windowBias(graph: GraphBuilder, window: number, length: GraphValue): GraphValue {
  const scalar = (value: number) => graph.literal('int64', [], [value])
  const axis = (value: number) => graph.literal('int64', [1], [value])
  const places = graph.node('Range', [scalar(0), graph.node('Squeeze', [length]), scalar(1)])
  const distances = graph.node('Abs', [
    graph.node('Sub', [places, graph.node('Unsqueeze', [places, axis(1)])]),
  ])
  const isNear = graph.node('Less', [distances, scalar(window)])
  const [near, far] = [0, HIDDEN].map((value) => graph.literal('float32', [], [value]))
  return graph.node('Unsqueeze', [
    graph.node('Where', [isNear, near, far]),
    graph.literal('int64', [2], [0, 1]),
  ])
}
