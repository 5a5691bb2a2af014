import type { GraphBuilder, GraphValue } from '@hfquant/core'
import { cast } from '@hfquant/onnx'

/** Where keys lie, and who may read them. */
export interface KeyMaskRequest {
  /** int32 [B]: where the last new token of each sequence stands among the tokens that are kept. */
  readonly last: GraphValue
  /** P, tokens that the cache has room for, and S, new ones: int64 [1]. */
  readonly capacity: GraphValue
  readonly newTokens: GraphValue
  /** Tokens that each token attends to, itself included; default all. */
  readonly window: number | undefined
  readonly kvHeads: number
  /** Heads that share a key. */
  readonly group: number
  /** By head, what the distance to a key is multiplied with and taken from its score. */
  readonly slopes: readonly number[] | undefined
}

/** Less than any score. */
const HIDDEN = -1e30

/** Behind every token. */
const NOWHERE = 2 ** 30

/**
 * What is added to the scores of the tokens in a cache and the new ones behind them, float32
 * [B, 1 or kvHeads, S · group, P + S]: 0, or a bias by distance, where a token may read a key, and less than any score
 * elsewhere, such as at places of the cache that nothing was written to.
 */
export function keyMask(graph: GraphBuilder, request: KeyMaskRequest): GraphValue {
  const { last, capacity, newTokens, window, kvHeads, group, slopes } = request
  const integer = (value: number) => graph.literal('int32', [], [value])
  const float = (value: number) => graph.literal('float32', [], [value])
  const axes = (...values: number[]) => graph.literal('int64', [values.length], values)
  const unsqueezed = (value: GraphValue, ...at: number[]) => graph.node('Unsqueeze', [value, axes(...at)])
  const range = (length: GraphValue) =>
    graph.node('Range', [integer(0), graph.node('Squeeze', [cast(graph, length, 'int32')]), integer(1)])
  const added = graph.node('Sub', [cast(graph, newTokens, 'int32'), integer(1)])
  const past = unsqueezed(graph.node('Sub', [last, added]), 1) // int32 [B, 1]
  const places = range(capacity) // int32 [P]
  const kept = graph.node('Where', [graph.node('Less', [places, past]), places, integer(NOWHERE)]) // [B, P]
  const queries = graph.node('Add', [past, range(newTokens)]) // [B, S]
  const keys = graph.node('Concat', [kept, queries], { attributes: { axis: { int: 1 } } }) // [B, P + S]
  const distances = graph.node('Sub', [unsqueezed(queries, 2), unsqueezed(keys, 1)]) // [B, S, P + S]
  const isBehind = graph.node('GreaterOrEqual', [distances, integer(0)])
  const isSeen =
    window === undefined
      ? isBehind
      : graph.node('And', [isBehind, graph.node('Less', [distances, integer(window)])])
  const mask = unsqueezed(graph.node('Where', [isSeen, float(0), float(HIDDEN)]), 1, 3) // [B, 1, S, 1, P + S]
  const heads = slopes === undefined ? 1 : kvHeads
  const each = graph.literal(
    'float32',
    [1, heads, 1, group, 1],
    slopes === undefined ? new Array(group).fill(0) : slopes.map((slope) => -slope),
  )
  const biases =
    slopes === undefined
      ? each
      : graph.node('Mul', [each, unsqueezed(cast(graph, distances, 'float32'), 1, 3)])
  const length = graph.node('Add', [capacity, newTokens])
  const shape = graph.node('Concat', [axes(0, heads, -1), length], { attributes: { axis: { int: 0 } } })
  return graph.node('Reshape', [graph.node('Add', [biases, mask]), shape])
}
