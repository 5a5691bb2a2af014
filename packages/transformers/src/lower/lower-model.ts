import type { Shell } from '@hfquant/core'
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
 * out the same to the bit alone and beside others; elsewhere every sequence has a row.
 */
export function lowerModel(source: LoweredSource): Graph {
  const inRows = lowerOnce(source)
  const { anywhere, inHead } = inRows.pairedProducts()
  const graph = anywhere ? lowerOnce(source, { layout: { column: inHead ? 'all' : 'layers' } }) : inRows
  const merged = graph.merged().withJoinedRows()
  return multipliesMixedSigns() ? merged.withSignedWeights() : merged
}

/** The graph as the model's own arithmetic says it. */
export function lowerOnce(
  { model, shell, ...context }: LoweredSource,
  { layout = 'sequences', trace }: { readonly layout?: RowLayout; readonly trace?: LoweringTrace } = {},
): Graph {
  const graph = createGraph(model.name)
  const { facts } = model
  model.forward(runOps({ ...context, graph, shell, facts, layout, ...(trace && { trace }) }))
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
