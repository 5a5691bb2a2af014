import { type GraphValue, joinPath } from '@hfquant/core/runtime'
import type { Heads, LayerOps } from '../ops/ops.js'
import { alibiSlopes } from '../parts/slopes.js'
import type { AttentionChoice } from './decoder-config.js'
import type { LayerContext } from './forward-layers.js'
import { latentAttention } from './latent-attention.js'
import { relativeBias } from './relative-bias.js'

/** Attention of a layer: [B, S, D] to [B, S, D]. */
export function attention(context: LayerContext, choice: AttentionChoice, x: GraphValue): GraphValue {
  const { ops, config, path, index } = context
  const { names } = config
  if (choice.latent !== undefined) return latentAttention(context, choice, choice.latent, x)
  const { kvHeads, window, looksBack, scale, softCap, linearBias, cacheOf, relative } = choice
  const heads = { count: choice.heads, size: choice.headSize }
  const own = { count: kvHeads, size: choice.headSize }
  const projected = project(context, choice, x)
  const query = placed(context, choice, projected.query, heads, names.queryNorm)
  const key = projected.key && placed(context, choice, projected.key, own, names.keyNorm)
  const value = projected.value && placedValue(context, choice, projected.value, own)
  const attended = ops.attend({
    layer: index,
    query: grown(context, choice, query),
    ...{ key, value, cacheOf, heads, kvHeads, window, looksBack, scale, softCap },
    sinks: choice.sinks ? ops.parameter(joinPath(path, names.sinks), [heads.count]) : undefined,
    slopes:
      linearBias === undefined ? undefined : alibiSlopes(heads.count).map((slope) => slope * linearBias),
    bias: relative && ((pairs) => relativeBias(context, choice, relative, pairs)),
  })
  return ops.linear(joinPath(path, names.output), attended)
}

interface Projected {
  /** [B, S, H · Dh] */
  readonly query: GraphValue
  /** [B, S, Hk · Dh]; undefined where those of another layer are read. */
  readonly key?: GraphValue
  readonly value?: GraphValue
}

function project({ ops, config, path }: LayerContext, choice: AttentionChoice, x: GraphValue): Projected {
  const { names } = config
  const { heads, kvHeads, headSize, projections } = choice
  const linear = (name: string) => ops.linear(joinPath(path, name), x)
  if (projections === 'separate') {
    const query = linear(names.query)
    if (choice.cacheOf !== undefined) return { query }
    const key = linear(names.key)
    return { query, key, value: choice.valueOfKey ? key : linear(names.value) }
  }
  const fused = linear(names.projections)
  const [width, kvWidth] = [heads * headSize, kvHeads * headSize]
  if (projections === 'concatenated') {
    const [query, key, value] = ops.split(fused, [width, kvWidth, kvWidth])
    return { query: query!, key: key!, value: value! }
  }
  const queries = (heads / kvHeads) * headSize
  const groups = ops.toHeads(fused, { count: kvHeads, size: queries + 2 * headSize })
  const [query, key, value] = ops.split(groups, [queries, headSize, headSize])
  const own = { count: kvHeads, size: headSize }
  return {
    query: ops.fromHeads(query!, { count: kvHeads, size: queries }),
    key: ops.fromHeads(key!, own),
    value: ops.fromHeads(value!, own),
  }
}

/** Queries or keys, normed, clipped and turned by their positions. */
function placed(
  context: LayerContext,
  choice: AttentionChoice,
  x: GraphValue,
  heads: Heads,
  name: string,
): GraphValue {
  const { ops } = context
  const { headNorm, rope } = choice
  const norm = (value: GraphValue) => {
    if (headNorm === undefined) return value
    const path = joinPath(context.path, name)
    if (headNorm.over === 'all') return ops.norm(path, value)
    return ops.fromHeads(ops.norm(path, ops.toHeads(value, heads)), heads)
  }
  const turn = (value: GraphValue) => (rope === undefined ? value : ops.rotate(value, rope, heads))
  const clip = (value: GraphValue) => clipped(ops, choice, value)
  return headNorm?.afterRope ? norm(turn(clip(x))) : turn(clip(norm(x)))
}

const clipped = ({ clip }: LayerOps, choice: AttentionChoice, value: GraphValue): GraphValue =>
  choice.clip === undefined ? value : clip(value, choice.clip)

function placedValue(
  { ops, config, path }: LayerContext,
  choice: AttentionChoice,
  projected: GraphValue,
  heads: Heads,
): GraphValue {
  const value = clipped(ops, choice, projected)
  if (choice.valueNorm === undefined) return value
  return ops.fromHeads(ops.norm(joinPath(path, config.names.valueNorm), ops.toHeads(value, heads)), heads)
}

function grown({ ops }: LayerContext, { queryGrowth }: AttentionChoice, query: GraphValue): GraphValue {
  if (queryGrowth === undefined) return query
  const { beta, original } = queryGrowth
  const { graph } = ops
  const periods = graph.node('Div', [ops.positions, graph.literal('int64', [1], [original])])
  const one = graph.literal('int64', [1], [1])
  const logarithm = graph.node('Log', [ops.toFloats(graph.node('Add', [periods, one]))]) // [B, S, 1]
  return ops.add(query, ops.mul(query, ops.mul(logarithm, beta)))
}
