import type { GraphValue } from '@hfquant/core'
import { cast, type Graph } from '@hfquant/onnx'
import type { Dense } from '../../auto/encoder/sentence/dense.js'
import type { PoolingMode } from '../../auto/encoder/sentence/pooling.js'
import type { SentenceSettings } from '../../auto/encoder/sentence/sentence-settings.js'
import type { PaddedTexts } from './padded-texts.js'

/**
 * The vectors of texts, as sentence-transformers makes them of hidden states: [B, width], float32. Its library for
 * JavaScript pools by itself in the usual ways, and knows no layer behind the pooling.
 *
 * @param states float32 [B, S, D]
 */
export function sentenceEmbedding(
  graph: Graph,
  states: GraphValue,
  texts: PaddedTexts,
  { pooling, dense, normalizes }: Pick<SentenceSettings, 'pooling' | 'dense' | 'normalizes'>,
): GraphValue {
  const pooled = pooling.modes.map((mode) => pool(graph, states, texts, mode))
  const [first] = pooled
  const joined =
    pooled.length === 1 ? first! : graph.node('Concat', pooled, { attributes: { axis: { int: -1 } } })
  const vector = dense.reduce((x, layer, index) => applyDense(graph, x, layer, index), joined)
  if (!normalizes) return vector
  const length = graph.node('ReduceL2', [vector, graph.literal('int64', [1], [1])])
  return graph.node('Div', [vector, graph.node('Max', [length, graph.literal('float32', [], [1e-12])])])
}

/** [B, D]: sums of hidden states with weights, or the largest value of each channel. */
function pool(graph: Graph, states: GraphValue, texts: PaddedTexts, mode: PoolingMode): GraphValue {
  const axis = graph.literal('int64', [1], [1])
  const over = (operator: string, value: GraphValue) =>
    graph.node(operator, [value, axis], { attributes: { keepdims: { int: 0 } } })
  if (mode === 'max') {
    const lowest = graph.literal('float32', [], [-3.4028234663852886e38])
    return over('ReduceMax', graph.node('Where', [texts.isToken(), states, lowest]))
  }
  const weights = weightsOf(graph, texts, mode) // [B, S, 1]
  const sums = over('ReduceSum', graph.node('Mul', [states, weights]))
  const total = over('ReduceSum', weights) // [B, 1]
  return graph.node('Div', [sums, mode === 'mean_sqrt_len_tokens' ? graph.node('Sqrt', [total]) : total])
}

/** float32 [B, S, 1] */
function weightsOf(graph: Graph, texts: PaddedTexts, mode: Exclude<PoolingMode, 'max'>): GraphValue {
  const number = (value: number) => graph.literal('int64', [], [value])
  const last = graph.literal('int64', [1], [-1])
  const places = graph.node('Unsqueeze', [texts.positions(), last])
  const tokens = cast(graph, texts.isToken(), 'int64')
  const one = (place: GraphValue) => cast(graph, graph.node('Equal', [places, place]), 'float32')
  switch (mode) {
    case 'cls':
      return one(number(0))
    case 'lasttoken': {
      const ends = graph.node('Mul', [places, tokens])
      return one(graph.node('ReduceMax', [ends, graph.literal('int64', [1], [1])]))
    }
    case 'weightedmean':
      return cast(graph, graph.node('Mul', [graph.node('Add', [places, number(1)]), tokens]), 'float32')
    default:
      return cast(graph, tokens, 'float32')
  }
}

function applyDense(
  graph: Graph,
  x: GraphValue,
  { weight, bias, inFeatures, outFeatures, activation }: Dense,
  index: number,
): GraphValue {
  const constant = (key: string, values: Float32Array, shape: readonly number[]) =>
    graph.constant({
      name: `sentence.dense_${index}.${key}`,
      ...{ dtype: 'float32', shape },
      async *chunks() {
        yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
      },
    })
  const inputs = [x, constant('weight', weight, [outFeatures, inFeatures])]
  const all = bias === undefined ? inputs : [...inputs, constant('bias', bias, [outFeatures])]
  const product = graph.node('Gemm', all, { attributes: { transB: { int: 1 } } })
  return activation === 'tanh' ? graph.node('Tanh', [product]) : product
}
