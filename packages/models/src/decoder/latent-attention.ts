import { type GraphValue, joinPath } from '@hfquant/core/runtime'
import type { LayerOps } from '../ops/ops.js'
import type { AttentionChoice, LatentChoice } from './decoder-config.js'
import type { LayerContext } from './forward-layers.js'

/**
 * Multi-head latent attention of a layer, [B, S, D] to [B, S, D]. Of each token a latent [rank] is kept, from which the keys
 * and values of all heads follow by one matrix, and a key [turned] that turns with its position.
 *
 * Keys need not be made: a product of a query with a key that is a matrix times the latent is that of the query times the
 * matrix with the latent itself, and the weighted sum of values is the matrix times that of the latents. So every head has
 * the latent as key and as value, and the matrix works on queries and on results.
 */
export function latentAttention(
  context: LayerContext,
  choice: AttentionChoice,
  latent: LatentChoice,
  x: GraphValue,
): GraphValue {
  const { ops, config, path } = context
  const { names } = config
  const { heads, rope } = choice
  const { still, turned } = latent
  const query = queries(context, latent, x)
  const each = { count: heads, size: still + turned }
  const [plain, turning] = ops.split(ops.toHeads(query, each), [still, turned]) as [GraphValue, GraphValue]
  const turn = (value: GraphValue, count: number) =>
    rope === undefined ? value : ops.rotate(value, rope, { count, size: turned })
  const size = { count: heads, size: turned }
  const rotated = ops.toHeads(turn(ops.fromHeads(turning, size), heads), size)
  const down = ops.linear(joinPath(path, names.latent.down), x)
  const [rough, shared] = ops.split(down, [latent.rank, turned]) as [GraphValue, GraphValue]
  const kept = ops.norm(joinPath(path, names.latent.downNorm), rough) // [B, S, rank]
  const parts: LatentParts = { plain, rotated, kept, shared: turn(shared, 1) }
  const form = ops.expandsLatents ? expanded : absorbed
  return ops.linear(joinPath(path, names.output), form(context, choice, latent, parts))
}

interface LatentParts {
  /** Queries [B, S, heads, still] and [B, S, heads, turned]. */
  readonly plain: GraphValue
  readonly rotated: GraphValue
  /** [B, S, rank] */
  readonly kept: GraphValue
  /** [B, S, turned] */
  readonly shared: GraphValue
}

function queries(
  { ops, config, path }: LayerContext,
  { queryRank }: LatentChoice,
  x: GraphValue,
): GraphValue {
  const { names } = config
  const at = (name: string) => joinPath(path, name)
  if (queryRank === undefined) return ops.linear(at(names.query), x)
  const { queryDown, queryDownNorm, queryUp } = names.latent
  return ops.linear(at(queryUp), ops.norm(at(queryDownNorm), ops.linear(at(queryDown), x)))
}

function absorbed(
  { ops, config, path, index }: LayerContext,
  { heads, headSize, scale }: AttentionChoice,
  { rank, still, turned, value }: LatentChoice,
  { plain, rotated, kept, shared }: LatentParts,
): GraphValue {
  const { graph } = ops
  const up = reshaped(ops, ops.matrix(joinPath(path, config.names.latent.up)), [heads, still + value, rank])
  const [ofKeys, ofValues] = graph.nodes('Split', [up, vector(ops, [still, value])], 2, {
    attributes: { axis: { int: 1 } },
  }) as [GraphValue, GraphValue] // [heads, still, rank], [heads, value, rank]
  const query = joined(ops, [byHead(ops, plain, ofKeys), rotated]) // [B, S, heads, rank + turned]
  const key = joined(ops, [kept, shared]) // [B, S, rank + turned]
  const own = { count: heads, size: headSize }
  const attended = ops.attend({
    ...{ layer: index, query: ops.fromHeads(query, own), key, value: key, heads: own, kvHeads: 1, scale },
  })
  const [sums] = ops.split(ops.toHeads(attended, own), [rank, turned])
  const turnedValues = graph.node('Transpose', [ofValues], { attributes: { perm: { ints: [0, 2, 1] } } })
  return ops.fromHeads(byHead(ops, sums!, turnedValues), { count: heads, size: value })
}

/** Keys and values of all heads, as they are trained. */
function expanded(
  { ops, config, path, index }: LayerContext,
  { heads, scale }: AttentionChoice,
  { still, turned, value }: LatentChoice,
  { plain, rotated, kept, shared }: LatentParts,
): GraphValue {
  const { graph } = ops
  const up = ops.linear(joinPath(path, config.names.latent.up), kept)
  const both = ops.toHeads(up, { count: heads, size: still + value })
  const [keys, values] = ops.split(both, [still, value]) as [GraphValue, GraphValue]
  const ofAll = graph.node('Expand', [
    ops.toHeads(shared, { count: 1, size: turned }),
    vector(ops, [1, 1, heads, 1]),
  ])
  const size = still + turned
  const own = { count: heads, size }
  // The operator has one size for keys and values.
  const pads = [0, 0, 0, 0, 0, 0, 0, size - value]
  const wide = value === size ? values : graph.node('Pad', [values, vector(ops, pads)])
  const attended = ops.attend({
    ...{ layer: index, heads: own, kvHeads: heads, scale },
    query: ops.fromHeads(joined(ops, [plain, rotated]), own),
    key: ops.fromHeads(joined(ops, [keys, ofAll]), own),
    value: ops.fromHeads(wide, own),
  })
  if (value === size) return attended
  const [narrow] = ops.split(ops.toHeads(attended, own), [value, size - value])
  return ops.fromHeads(narrow!, { count: heads, size: value })
}

/** Each head times a matrix of its own: [B, S, heads, n] with [heads, n, m] to [B, S, heads, m]. */
function byHead(ops: LayerOps, x: GraphValue, matrices: GraphValue): GraphValue {
  const { graph } = ops
  const product = graph.node('MatMul', [
    graph.node('Transpose', [x], { attributes: { perm: { ints: [0, 2, 1, 3] } } }),
    matrices,
  ])
  return graph.node('Transpose', [product], { attributes: { perm: { ints: [0, 2, 1, 3] } } })
}

const joined = ({ graph }: LayerOps, values: readonly GraphValue[]): GraphValue =>
  graph.node('Concat', values, { attributes: { axis: { int: -1 } } })

const vector = ({ graph }: LayerOps, values: readonly number[]): GraphValue =>
  graph.literal('int64', [values.length], values)

const reshaped = (ops: LayerOps, value: GraphValue, shape: readonly number[]): GraphValue =>
  ops.graph.node('Reshape', [value, vector(ops, shape)])
