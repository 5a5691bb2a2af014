import type { GraphValue } from '@hfquant/core'
import type { EncoderFacts, EncoderOps } from '@hfquant/models'
import { convert } from '@hfquant/onnx'
import type { SentenceSettings } from '../../auto/encoder/sentence/sentence-settings.js'
import { countedPositions } from '../../lower/counted-positions.js'
import { exportEncoderAttention } from './export-encoder-attention.js'
import { type ExportRequest, exportLayerOps, outputProducts } from './export-ops.js'
import { paddedTexts } from './padded-texts.js'
import { BATCH, PORTS, SEQUENCE, tokenInput } from './ports.js'
import { sentenceEmbedding } from './sentence-embedding.js'

/**
 * Computes an encoder behind the inputs and outputs that `@huggingface/transformers` expects: a padded batch [B, S] of ids
 * with a mask, and of types where the model has more than one.
 *
 * @param sentences how vectors of texts are made of hidden states, to have them beside these.
 */
export function exportEncoderOps(
  request: ExportRequest,
  { tokenTypes }: EncoderFacts,
  sentences?: SentenceSettings,
): EncoderOps {
  const { graph, float } = request
  const texts = paddedTexts(graph, float)
  const { ids } = texts
  const vector = (...values: number[]) => graph.literal('int64', [values.length], values)
  const widened = (value: GraphValue) => convert(graph, value, float, 'float32')
  const byText = (hidden: GraphValue) => {
    const zero = convert(graph, graph.literal('float32', [], [0]), 'float32', float)
    return graph.node('Where', [texts.isToken(), hidden, zero])
  }
  return {
    ...exportLayerOps(request, ids),
    ...exportEncoderAttention(request, texts),
    get positions() {
      return texts.positions()
    },
    get types() {
      if (tokenTypes > 1) return tokenInput(graph, PORTS.tokenTypes, SEQUENCE)
      return graph.node('Mul', [ids, graph.literal('int64', [], [0])])
    },
    countedPositions: (padding) => countedPositions(graph, ids, padding),
    blocksEnd: (hidden) => hidden,
    byText,
    first: (hidden) => graph.node('Gather', [hidden, vector(0)], { attributes: { axis: { int: 1 } } }),
    mean: (hidden) =>
      graph.node('Div', [graph.node('ReduceSum', [byText(hidden), vector(1)]), texts.counts()]),
    rows: (hidden) => graph.node('Flatten', [hidden], { attributes: { axis: { int: 2 } } }),
    vocabulary: (path, hidden) => outputProducts(request, path, hidden),
    input: (name, dtype, shape) => graph.input(name, dtype, shape),
    output: (name, value, shape) => graph.output(name, widened(value), 'float32', shape),
    outputOfTokens(name, value, width) {
      graph.output(name, widened(value), 'float32', [BATCH, SEQUENCE, width])
      if (sentences === undefined || name !== PORTS.hiddenStates) return
      const vectors = sentenceEmbedding(graph, widened(value), texts, sentences)
      const size = sentences.dense.at(-1)?.outFeatures ?? sentences.pooling.modes.length * width
      graph.output(PORTS.sentences, vectors, 'float32', [BATCH, size])
    },
    outputOfTexts: (name, value, width) =>
      graph.output(name, graph.node('Squeeze', [widened(value), vector(1)]), 'float32', [BATCH, width]),
  }
}
