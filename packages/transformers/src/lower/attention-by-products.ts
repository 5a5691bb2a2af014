import type { GraphValue } from '@hfquant/core'
import type { AttendCall } from '@hfquant/models'
import type { Graph } from '@hfquant/onnx'

/** Tokens of a cache whose values are summed in one product; the runtime adds the parts of a longer one as its threads fall. */
export const VALUE_PART = 128

/** A layer's queries, keys and values, each in float32 and heads of `size` channels. */
export interface CachedAttention {
  readonly call: AttendCall
  readonly size: number
  /** [B, S, heads · size] */
  readonly query: GraphValue
  /** [B, S, kvHeads · size] */
  readonly newKey: GraphValue
  readonly newValue: GraphValue
  /** [B, kvHeads, P, size], where P is a multiple of `VALUE_PART`; zeros behind the tokens that there are. */
  readonly pastKey: GraphValue
  readonly pastValue: GraphValue
  /** What is added to the scores, [B, 1 or kvHeads, S · heads / kvHeads, P + S]. */
  readonly mask: GraphValue
  /** P and S, int64 [2]. */
  readonly lengths: GraphValue
  /** [1, P / VALUE_PART] */
  readonly ones: GraphValue
}

/**
 * Attention of a few new tokens to a cache as it lies and to themselves: products with either, and one softmax over both.
 * The runtime's own operator would copy the cache, behind which it puts the new tokens, for every one of them.
 *
 * The query heads that share a key are rows of one product, so that each key is read once. A row is summed in the same order
 * whatever the other rows are, and however long the cache is behind the tokens that there are.
 */
export function attentionByProducts(graph: Graph, given: CachedAttention): GraphValue {
  const { call, size, newValue, pastValue, ones } = given
  const { heads, kvHeads } = call
  const shaped = shaper(graph)
  const { ofPast, ofNew } = weights(graph, given)
  const parts = shaped(pastValue, [0, 0, -1, VALUE_PART, size])
  const partWeights = turned(graph, shaped(ofPast, [0, 0, 0, -1, VALUE_PART]), [0, 1, 3, 2, 4])
  const sums = shaped(graph.node('MatMul', [partWeights, parts]), [0, 0, 0, -1]) // [B, kvHeads, parts, rows · size]
  const past = shaped(graph.node('MatMul', [ones, sums]), [0, 0, -1, size])
  const own = graph.node('MatMul', [ofNew, byHead(graph, newValue, kvHeads, size)])
  const rows = shaped(graph.node('Add', [past, own]), [0, 0, -1, heads.count / kvHeads, size])
  return shaped(turned(graph, rows, [0, 2, 1, 3, 4]), [0, 0, heads.count * size])
}

/** Weights of the tokens in the cache, [B, kvHeads, rows, P], and of the new ones, [B, kvHeads, rows, S]. */
function weights(graph: Graph, given: CachedAttention) {
  const { call, size, newKey, pastKey, mask, lengths } = given
  const { kvHeads, scale = call.heads.size ** -0.5, softCap, sinks } = call
  const number = (value: number) => graph.literal('float32', [], [value])
  const last = { attributes: { axis: { int: -1 } } }
  const query = graph.node('Mul', [queryRows(graph, given), number(scale)])
  const products = [pastKey, byHead(graph, newKey, kvHeads, size)].map((keys) =>
    graph.node('FusedMatMul', [query, keys], { domain: 'com.microsoft', attributes: { transB: { int: 1 } } }),
  )
  const raw = graph.node('Concat', products, last)
  const capped =
    softCap === undefined
      ? raw
      : graph.node('Mul', [
          graph.node('Tanh', [graph.node('Mul', [raw, number(1 / softCap)])]),
          number(softCap),
        ])
  const scores = graph.node('Add', [capped, mask])
  if (sinks === undefined) {
    const [ofPast, ofNew] = graph.nodes('Split', [graph.node('Softmax', [scores], last), lengths], 2, last)
    return { ofPast: ofPast!, ofNew: ofNew! }
  }
  const withSinks = graph.node('Concat', [scores, sinkRows(graph, call, sinks, query)], last)
  const sizes = graph.node('Concat', [lengths, graph.literal('int64', [1], [1])], {
    attributes: { axis: { int: 0 } },
  })
  const [ofPast, ofNew] = graph.nodes('Split', [graph.node('Softmax', [withSinks], last), sizes], 3, last)
  return { ofPast: ofPast!, ofNew: ofNew! }
}

/** [B, kvHeads, S · heads / kvHeads, size] */
function queryRows(graph: Graph, { call, size, query }: CachedAttention): GraphValue {
  const { heads, kvHeads } = call
  const shaped = shaper(graph)
  const byToken = shaped(query, [0, 0, kvHeads, heads.count / kvHeads, size])
  return shaped(turned(graph, byToken, [0, 2, 1, 3, 4]), [0, 0, -1, size])
}

/** The score that each head has beside those of its keys, [B, kvHeads, S · heads / kvHeads, 1]. */
function sinkRows(
  graph: Graph,
  { heads, kvHeads }: AttendCall,
  sinks: GraphValue,
  query: GraphValue,
): GraphValue {
  const group = heads.count / kvHeads
  const shaped = shaper(graph)
  const bounds = [0, 1, 3].map((value) => graph.literal('int64', [1], [value]))
  const column = shaped(graph.node('Slice', [query, ...bounds]), [0, 0, -1, group])
  const zeros = graph.node('Mul', [column, graph.literal('float32', [], [0])])
  return shaped(graph.node('Add', [zeros, shaped(sinks, [1, kvHeads, 1, group])]), [0, 0, -1, 1])
}

/** [B, S, heads · size] to [B, heads, S, size]. */
const byHead = (graph: Graph, value: GraphValue, heads: number, size: number): GraphValue =>
  turned(graph, shaper(graph)(value, [0, 0, heads, size]), [0, 2, 1, 3])

const shaper = (graph: Graph) => (value: GraphValue, shape: readonly number[]) =>
  graph.node('Reshape', [value, graph.literal('int64', [shape.length], shape)])

const turned = (graph: Graph, value: GraphValue, order: readonly number[]): GraphValue =>
  graph.node('Transpose', [value], { attributes: { perm: { ints: order } } })
