import { type GraphValue, joinPath } from '@hfquant/core/runtime'
import type { LayerOps, TokenPairs } from '../ops/ops.js'
import type { AttentionChoice, BucketsChoice, DisentangledChoice, RelativeChoice } from './decoder-config.js'
import type { LayerContext } from './forward-layers.js'

/** What distances between tokens add to the scaled scores of a layer: [1 or B, heads, S, S]. */
export const relativeBias = (
  context: LayerContext,
  attention: AttentionChoice,
  choice: RelativeChoice,
  pairs: TokenPairs,
): GraphValue =>
  choice.kind === 'buckets'
    ? bucketBias(context, choice, pairs)
    : disentangledBias(context, attention, choice, pairs)

/** The same for every layer, and so one set of nodes. */
function bucketBias(
  { ops, config }: LayerContext,
  { table, count, farthest }: BucketsChoice,
  pairs: TokenPairs,
): GraphValue {
  const { graph } = ops
  const path = joinPath(config.names.base, table)
  const { places, vector } = integers(ops, pairs)
  const queries = graph.node('Unsqueeze', [places, vector(1)])
  const distances = graph.node('Sub', [places, queries]) // [S, S], place of the key less that of the query
  const numbers = ops.embed(
    path,
    looked(ops, distances, farthest, (far) => bucketOf(far, count, farthest)),
  )
  const byHead = graph.node('Transpose', [numbers], { attributes: { perm: { ints: [2, 0, 1] } } })
  return graph.node('Unsqueeze', [byHead, vector(0)])
}

/** The range of a distance: half of the ranges are for keys behind the query, half of those are one distance each. */
export function bucketOf(distance: number, count: number, farthest: number): number {
  const half = count / 2
  const exact = half / 2
  const far = Math.abs(distance)
  const wide = exact + Math.floor((Math.log(far / exact) / Math.log(farthest / exact)) * (half - exact))
  return (distance > 0 ? half : 0) + (far < exact ? far : Math.min(half - 1, wide))
}

/**
 * Products of queries with vectors of distances, and of keys with others. There are no more distances than twice the tokens,
 * and the product with all of them, [.., S, 2·S], holds those of the tokens of each row, one place further from row to row.
 *
 * Nothing that is made of the table alone is computed in a run: for a short text it would take longer than its own tokens.
 */
function disentangledBias(
  { ops, config, path }: LayerContext,
  { heads, headSize, scale = headSize ** -0.5 }: AttentionChoice,
  choice: DisentangledChoice,
  pairs: TokenPairs,
): GraphValue {
  const { graph } = ops
  const { names } = config
  const { table, norm, span, farthest, ownProjections } = choice
  const { scalar, vector, length } = integers(ops, pairs)
  const each = { count: heads, size: headSize }
  const stored = ops.parameter(joinPath(names.base, `${table}.weight`), [2 * span, config.hiddenSize])
  const vectors = norm === undefined ? stored : ops.norm(joinPath(names.base, norm), stored)
  const doubled = graph.node('Mul', [length, scalar(2)])
  const columns = graph.node('Sub', [graph.node('Range', [scalar(0), doubled, scalar(1)]), length]) // -S … S-1
  const transposed = (value: GraphValue, ...perm: number[]) =>
    graph.node('Transpose', [value], { attributes: { perm: { ints: perm } } })
  /** [B, heads, S, S]: a row of tokens with their distances to all others, ascending by `steps` [2·S]. */
  const compared = (tokens: GraphValue, projection: string, steps: GraphValue) => {
    const rows = looked(ops, steps, farthest ?? span, (distance) => rowOf(distance, choice))
    const projected = ops.linearOfConstant(joinPath(path, projection), vectors) // [2·span, heads · headSize]
    const split = graph.node('Reshape', [ops.mul(projected, scale), vector(0, heads, headSize)])
    const chosen = graph.node('Gather', [transposed(split, 1, 0, 2), rows], {
      attributes: { axis: { int: 1 } },
    }) // [heads, 2·S, headSize]
    const content = transposed(ops.toHeads(tokens, each), 0, 2, 1, 3) // [B, heads, S, headSize]
    const products = graph.node('MatMul', [content, transposed(chosen, 0, 2, 1)]) // [B, heads, S, 2·S]
    return skewed(ops, products, pairs.length)
  }
  const terms = [
    ...(choice.ofQueries
      ? [compared(pairs.query, ownProjections ? names.distanceKey : names.key, graph.node('Neg', [columns]))]
      : []),
    ...(choice.ofKeys
      ? [
          transposed(
            compared(pairs.key, ownProjections ? names.distanceQuery : names.query, columns),
            ...[0, 1, 3, 2],
          ),
        ]
      : []),
  ]
  return terms.reduce((sum, term) => ops.add(sum, term))
}

/** The row of a distance, place of the query less that of the key, in the table. */
export function rowOf(distance: number, { span, farthest }: DisentangledChoice): number {
  const middle = Math.floor(span / 2)
  const far = Math.abs(distance)
  const isRange = farthest !== undefined && far > middle
  const ranged = isRange
    ? Math.ceil((Math.log(far / middle) / Math.log((farthest - 1) / middle)) * (middle - 1)) + middle
    : far
  return Math.min(Math.max(Math.sign(distance) * ranged + span, 0), 2 * span - 1)
}

/** Of rows [.., S, 2·S], of row i the places S - i … 2·S - i - 1. */
function skewed({ graph }: LayerOps, rows: GraphValue, size: GraphValue): GraphValue {
  const vector = (...values: readonly number[]) => graph.literal('int64', [values.length], values)
  const flat = graph.node('Reshape', [rows, vector(0, 0, -1)])
  const later = graph.node('Slice', [flat, size, vector(END), vector(2)]) // S · (2·S - 1) numbers
  const shape = graph.node('Concat', [vector(0, 0), size, vector(-1)], { attributes: { axis: { int: 0 } } })
  const narrower = graph.node('Reshape', [later, shape])
  return graph.node('Slice', [narrower, vector(0), size, vector(3)])
}

/** The end of any axis. */
const END = Number.MAX_SAFE_INTEGER

/** A function of distances, which does not change beyond ± `farthest`. */
function looked(
  { graph }: LayerOps,
  distances: GraphValue,
  farthest: number,
  of: (distance: number) => number,
): GraphValue {
  const number = (value: number) => graph.literal('int64', [], [value])
  const near = graph.node('Clip', [distances, number(-farthest), number(farthest)])
  const values = Array.from({ length: 2 * farthest + 1 }, (_, index) => of(index - farthest))
  const table = graph.literal('int64', [values.length], values)
  return graph.node('Gather', [table, graph.node('Add', [near, number(farthest)])])
}

function integers({ graph }: LayerOps, pairs: TokenPairs) {
  const scalar = (value: number) => graph.literal('int64', [], [value])
  const vector = (...values: readonly number[]) => graph.literal('int64', [values.length], values)
  const length = graph.node('Squeeze', [pairs.length]) // []
  return { scalar, vector, length, places: graph.node('Range', [scalar(0), length, scalar(1)]) }
}
