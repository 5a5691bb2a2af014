import type { GraphBuilder, GraphValue } from '@hfquant/core'

/** How experts are chosen from the products of the router, one number for each expert, and how their results are weighted. */
export interface Routing {
  /** Experts that a token meets. */
  readonly chosen: number
  /** Scores of the experts: softmax over all of them, or σ of each. */
  readonly scores: 'softmax' | 'sigmoid'
  /** Weights are divided by their sum. */
  readonly normalize: boolean
  /** What weights are multiplied with besides; default 1. */
  readonly scale?: number | undefined
  /** Experts are chosen within the best groups of neighbours only. */
  readonly groups?: RoutingGroups | undefined
  /** The scores are biased for the choice, and only for it: a parameter of the router, [experts]. */
  readonly bias?: string | undefined
}

export interface RoutingGroups {
  readonly count: number
  readonly chosen: number
  /** A group counts as much as its best expert, or as its two best together. */
  readonly score: 'max' | 'two-best'
}

/** Chosen experts of each token, [.., chosen], int64, and their weights, float32. */
export interface Routed {
  readonly experts: GraphValue
  readonly weights: GraphValue
}

/**
 * @param products of the router, float32 [.., experts].
 * @param bias [experts], where `routing` has one.
 */
export function route(
  graph: GraphBuilder,
  products: GraphValue,
  count: number,
  { chosen, scores: kind, normalize, scale, groups }: Routing,
  bias?: GraphValue,
): Routed {
  const float = (value: number) => graph.literal('float32', [], [value])
  const scores =
    kind === 'softmax'
      ? graph.node('Softmax', [products], { attributes: { axis: { int: -1 } } })
      : graph.node('Sigmoid', [products])
  const biased = bias === undefined ? scores : graph.node('Add', [scores, bias])
  const allowed = groups === undefined ? biased : withinGroups(graph, biased, count, groups, kind)
  const [, experts] = topK(graph, allowed, chosen)
  const picked = graph.node('GatherElements', [scores, experts], { attributes: { axis: { int: -1 } } })
  const sum = () => graph.node('ReduceSum', [picked, graph.literal('int64', [1], [-1])])
  // Python guards the sum of σ alone against 0, which a softmax cannot give.
  const divisor = () => (kind === 'sigmoid' ? graph.node('Add', [sum(), float(1e-20)]) : sum())
  const weights = normalize ? graph.node('Div', [picked, divisor()]) : picked
  return {
    experts,
    weights: scale === undefined || scale === 1 ? weights : graph.node('Mul', [weights, float(scale)]),
  }
}

/** Scores outside of the best groups are 0, or beyond choice where a bias may make scores negative. */
function withinGroups(
  graph: GraphBuilder,
  scores: GraphValue,
  count: number,
  { count: groups, chosen, score }: RoutingGroups,
  kind: Routing['scores'],
): GraphValue {
  const last = graph.literal('int64', [1], [-1])
  const reshape = (value: GraphValue, shape: readonly number[]) =>
    graph.node('Reshape', [value, graph.literal('int64', [shape.length], shape)])
  const grouped = reshape(scores, [0, 0, groups, count / groups])
  const [best] = topK(graph, grouped, score === 'max' ? 1 : 2)
  const totals = graph.node('ReduceSum', [best, last], { attributes: { keepdims: { int: 0 } } })
  const [, kept] = topK(graph, totals, chosen)
  const ids = graph.literal(
    'int64',
    [groups],
    Array.from({ length: groups }, (_, index) => index),
  )
  const isKept = graph.node('Equal', [graph.node('Unsqueeze', [kept, last]), ids]) // [.., chosen, groups]
  const counted = graph.node(
    'ReduceMax',
    [graph.node('Cast', [isKept], { attributes: { to: { int: FLOAT } } }), graph.literal('int64', [1], [-2])],
    {
      attributes: { keepdims: { int: 0 } },
    },
  )
  const mask = graph.node('Greater', [
    graph.node('Unsqueeze', [counted, last]),
    graph.literal('float32', [], [0.5]),
  ])
  const outside = graph.literal('float32', [], [kind === 'softmax' ? 0 : Number.NEGATIVE_INFINITY])
  return reshape(graph.node('Where', [mask, grouped, outside]), [0, 0, count])
}

/** TensorProto.FLOAT */
const FLOAT = 1

/** The largest numbers of the last axis, the first of equal ones first, and their places. */
const topK = (graph: GraphBuilder, values: GraphValue, count: number): readonly [GraphValue, GraphValue] =>
  graph.nodes('TopK', [values, graph.literal('int64', [1], [count])], 2, {
    attributes: { axis: { int: -1 }, largest: { int: 1 }, sorted: { int: 1 } },
  }) as [GraphValue, GraphValue]
