import type { GraphValue } from '@hfquant/core'
import type { Graph } from '@hfquant/onnx'
import { PORTS } from './ports.js'

/**
 * The last rows of hidden states [B, S, D], as many as `num_logits_to_keep` says, all for 0: while generating only one
 * row has to pass through the head, which is the largest product of all.
 */
export function lastRows(graph: Graph, hidden: GraphValue): GraphValue {
  const first = graph.literal('int64', [1], [0])
  const count = graph.node('Unsqueeze', [graph.input(PORTS.logitsToKeep, 'int64', []), first])
  // From -n on; for n = 0 that is -0, the beginning.
  const start = graph.node('Neg', [count])
  const end = graph.literal('int64', [1], [Number.MAX_SAFE_INTEGER])
  return graph.node('Slice', [hidden, start, end, graph.literal('int64', [1], [1])])
}
