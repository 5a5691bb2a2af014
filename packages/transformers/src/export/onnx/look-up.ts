import { findModule, type GraphValue } from '@hfquant/core/runtime'
import { convert, lower } from '@hfquant/onnx'
import { floatWeights } from '../float-weight.js'
import type { ExportRequest } from './export-ops.js'
import { floatConstant } from './float-constant.js'

/**
 * Indices [B, S] -> rows of a table [B, S, D], times `scale`. A float32 graph keeps the table as it is stored and widens the
 * rows that it looks up; a float16 one converts the table, so that no bfloat16 is left in it.
 */
export function lookUp(
  { graph, shell, float }: Pick<ExportRequest, 'graph' | 'shell' | 'float'>,
  path: string,
  indices: GraphValue,
  scale: number | undefined,
): GraphValue {
  const embedding = findModule(shell.root, path)!
  const found = () => {
    if (float === 'float32') {
      return lower(embedding, path, indices, { graph, compute: 'exact', memory: 'auto' })
    }
    const table = floatWeights(path, embedding).get('weight')!
    return graph.node('Gather', [floatConstant(graph, table, float), indices])
  }
  if (scale === undefined) return found()
  return graph.node('Mul', [found(), convert(graph, graph.literal('float32', [], [scale]), 'float32', float)])
}
