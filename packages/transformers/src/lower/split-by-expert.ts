import type { GraphValue } from '@hfquant/core'
import type { ExpertsCall } from '@hfquant/models'
import type { Graph } from '@hfquant/onnx'

/**
 * Computes only the chosen experts. Every choice of a token is a slot; slots are sorted by expert, the rows of each expert
 * are multiplied together, and every slot takes its result from where it was computed: the sum of a token's results has
 * one order, whatever stands beside it. An expert that nobody chose multiplies no row, which costs next to nothing.
 *
 * @param inPairs each expert gets an even number of rows, a last one from nowhere if need be: for products that compute
 * rows in pairs.
 */
export function splitByExpert(
  graph: Graph,
  call: ExpertsCall,
  { inPairs }: { readonly inPairs: boolean },
): GraphValue {
  const { x, count, chosen, expert } = call
  const ops = integerOps(graph)
  const ids = graph.node('Reshape', [call.experts, ops.vector(-1)]) // [N], N = B · S · chosen
  const slots = ops.range(ops.sizeOf(ids))
  const counts = ops.countsOf(ids, count) // [experts]
  const padding = inPairs ? oddOnes(graph, counts, count) : undefined
  const sizes = padding === undefined ? counts : padding.sizes // [experts]
  const allIds = padding === undefined ? ids : ops.concat([ids, padding.ids])
  const allSlots = padding === undefined ? slots : ops.range(ops.sizeOf(allIds))
  // Keys are unique, so that there is one order of them.
  const keys = graph.node('Add', [graph.node('Mul', [allIds, ops.sizeOf(allIds)]), allSlots])
  // Slots of nobody come last.
  const total = graph.node('ReduceSum', [sizes, ops.vector(0)])
  const sortedSlots = ops.argsort(keys)
  const order = padding === undefined ? sortedSlots : graph.node('Slice', [sortedSlots, ops.vector(0), total])
  const tokens = graph.node('Div', [slots, ops.vector(chosen)])
  const allTokens = padding === undefined ? tokens : ops.concat([tokens, padding.tokens])
  const rows = graph.node('Flatten', [x], { attributes: { axis: { int: 2 } } }) // [B · S, D]
  const sorted = graph.node('Gather', [rows, graph.node('Gather', [allTokens, order])])
  const computed = inBranch(graph, sorted, ids, () => {
    const split = graph.nodes('Split', [sorted, sizes], count, { attributes: { axis: { int: 0 } } })
    return ops.concat(split.map((own, index) => expert(index, own)))
  })
  const places = graph.node('Slice', [ops.argsort(sortedSlots), ops.vector(0), ops.sizeOf(ids)]) // [N]
  const results = graph.node('Gather', [computed, places]) // [N, D]
  const last = ops.vector(-1)
  const weighted = graph.node('Mul', [
    results,
    graph.node('Unsqueeze', [graph.node('Reshape', [call.weights, last]), last]),
  ])
  const byToken = graph.node('Reshape', [
    weighted,
    ops.concat([
      ops.vector(-1, chosen),
      graph.node('Slice', [graph.node('Shape', [x]), last, ops.vector(END)]),
    ]),
  ]) // [B · S, chosen, D]
  const sums = graph.node('ReduceSum', [byToken, ops.vector(1)], { attributes: { keepdims: { int: 0 } } })
  return graph.node('Reshape', [sums, graph.node('Shape', [x])])
}

/**
 * Values whose sizes are known only when the graph runs are searched by the runtime's memory planner once for each of
 * them. Within a branch of their own there are few of them, whatever the number of layers.
 */
function inBranch(graph: Graph, sorted: GraphValue, ids: GraphValue, body: () => GraphValue): GraphValue {
  const size = graph.node('Squeeze', [graph.node('Shape', [ids])])
  const always = graph.node('Greater', [size, graph.literal('int64', [], [0])])
  return graph.branch(always, sorted, body)
}

/** A slot more for each expert, which is its own if the number of its rows is odd, and nobody's otherwise. */
function oddOnes(graph: Graph, counts: GraphValue, count: number) {
  const ops = integerOps(graph)
  const odd = graph.node('Mod', [counts, ops.vector(2)]) // [experts]
  const indices = graph.literal(
    'int64',
    [count],
    Array.from({ length: count }, (_, index) => index),
  )
  const isOdd = graph.node('Equal', [odd, ops.vector(1)])
  return {
    ids: graph.node('Where', [isOdd, indices, ops.vector(count)]),
    tokens: graph.literal('int64', [count], new Array(count).fill(0)),
    sizes: graph.node('Add', [counts, odd]),
  }
}

/** The end of any axis. */
const END = Number.MAX_SAFE_INTEGER

function integerOps(graph: Graph) {
  const vector = (...values: readonly number[]) => graph.literal('int64', [values.length], values)
  const scalar = (value: number) => graph.literal('int64', [], [value])
  const sizeOf = (values: GraphValue) => graph.node('Shape', [values]) // [1]
  return {
    vector,
    sizeOf,
    concat: (values: readonly GraphValue[]) =>
      graph.node('Concat', values, { attributes: { axis: { int: 0 } } }),
    range: (size: GraphValue) => graph.node('Range', [scalar(0), graph.node('Squeeze', [size]), scalar(1)]),
    /** Places of the values of a vector in their order, the smallest first. */
    argsort: (values: GraphValue) =>
      graph.nodes('TopK', [values, sizeOf(values)], 2, {
        attributes: { axis: { int: 0 }, largest: { int: 0 }, sorted: { int: 1 } },
      })[1]!,
    /** How often each index from 0 to `count` - 1 occurs. */
    countsOf(indices: GraphValue, count: number) {
      const zeros = graph.literal('int64', [count], new Array(count).fill(0))
      const ones = graph.node('Expand', [vector(1), sizeOf(indices)])
      return graph.node('ScatterElements', [zeros, indices, ones], {
        attributes: { axis: { int: 0 }, reduction: { string: 'add' } },
      })
    },
  }
}
