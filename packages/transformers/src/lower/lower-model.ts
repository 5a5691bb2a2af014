import type { Shell } from '@hfquant/core/runtime'
import type { ModelDescription } from '@hfquant/models'
import {
  type CacheDtype,
  type CacheShape,
  type Compute,
  createGraph,
  type Graph,
  type LoweringTrace,
  multipliesMixedSigns,
  type RowLayout,
} from '@hfquant/onnx'
import { runEncoderOps } from './encoder-ops.js'
import { paddedSize } from './grouped-query-attention.js'
import { runOps } from './run-ops.js'

/** What a graph is made from. The shell may be on the meta device as long as nothing is written. */
export interface LoweredSource {
  readonly model: ModelDescription
  readonly shell: Shell
  readonly compute: Compute
  readonly memory: 'auto' | 'low'
  readonly cacheDtype: CacheDtype
}

/**
 * The graph that a session runs. Where a product computes rows in pairs, tokens stand in one column, so that each comes
 * out the same to the bit alone and beside others; elsewhere every sequence has a row. The tokens of texts that are read
 * whole always stand in a column: their lengths differ, and nothing is computed for padding.
 */
export function lowerModel(source: LoweredSource): Graph {
  const graph = source.model.kind === 'encoder' ? lowerOnce(source, { layout: COLUMN }) : lowerDecoder(source)
  const merged = graph.merged().withJoinedRows()
  return multipliesMixedSigns() ? merged.withSignedWeights() : merged
}

const COLUMN: RowLayout = { column: 'all' }

function lowerDecoder(source: LoweredSource): Graph {
  const inRows = lowerOnce(source)
  const { anywhere, inHead } = inRows.pairedProducts()
  return anywhere ? lowerOnce(source, { layout: { column: inHead ? 'all' : 'layers' } }) : inRows
}

/** The graph as the model's own arithmetic says it. */
export function lowerOnce(
  { model, shell, ...context }: LoweredSource,
  { layout = 'sequences', trace }: { readonly layout?: RowLayout; readonly trace?: LoweringTrace } = {},
): Graph {
  const graph = createGraph(model.name)
  const { facts } = model
  const request = { ...context, graph, shell, facts, layout, ...(trace && { trace }) }
  if (model.kind === 'encoder') model.forward(runEncoderOps(request))
  else model.forward(runOps(request))
  return graph
}

/** What a session keeps of each sequence. */
export const cacheShapeOf = ({ facts }: ModelDescription, dtype: CacheDtype): CacheShape => ({
  layers: facts.layers.map((layer) =>
    layer.kind === 'kv' ? { ...layer, headSize: paddedSize(layer.headSize) } : layer,
  ),
  longRope: facts.longRope,
  dtype,
})
