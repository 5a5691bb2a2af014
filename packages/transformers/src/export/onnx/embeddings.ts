import { findModule, type GraphValue, joinPath, type Shell } from '@hfquant/core'
import { lower } from '@hfquant/onnx'
import { floatWeights } from '../float-weight.js'
import type { OnnxContext } from './architecture.js'
import { floatConstant } from './float-constant.js'

/**
 * Token ids [B, S] -> [B, S, D]. A float32 graph keeps the table as it is stored and widens the rows that it looks up; a
 * float16 one converts the table, so that no bfloat16 is left in it.
 */
export function lookUp(
  { root, inputEmbedding }: Shell,
  ids: GraphValue,
  { graph, float }: OnnxContext,
): GraphValue {
  const embedding = findModule(root, inputEmbedding)!
  if (float === 'float32') {
    return lower(embedding, inputEmbedding, ids, { graph, compute: 'exact', memory: 'auto' })
  }
  const table = floatWeights(inputEmbedding, embedding).get('weight')!
  return graph.node('Gather', [floatConstant(graph, table, float), ids])
}

/** What the output matrix goes by: a tied one by the name of the table, so that one constant can serve as both. */
export const headName = ({ ties, inputEmbedding, outputEmbedding }: Shell): string =>
  ties.some(({ alias }) => alias === joinPath(outputEmbedding, 'weight')) ? inputEmbedding : outputEmbedding
