import {
  type FloatDtype,
  type GraphValue,
  type JsonObject,
  joinPath,
  Linear,
  Module,
} from '@hfquant/core/runtime'
import {
  type Architecture,
  type Backbone,
  defineArchitecture,
  describeBackbone,
  type EncoderDescription,
  type EncoderOps,
} from '@hfquant/models'
import { type GlinerConfig, readGlinerConfig } from '../config/gliner-config.js'
import { type LstmShape, lstm, lstmModule } from './lstm.js'
import { buildSpanHead, spanLogits } from './span-head.js'
import { buildTokenHead, tokenLogits } from './token-head.js'

/** What a run of the graph is given beside the tokens, and what it gives. */
export const PORTS = {
  /** int64 [B, L]: the row of the first token of each word. */
  wordRows: 'word_rows',
  /** float32 [B, L, 1]: 1 for a word, 0 for one without tokens and behind the end of a text. */
  isWord: 'is_word',
  /** int32 [B]: words of each text. */
  wordCounts: 'word_counts',
  /** int64 [B, C]: the row of each label. */
  labelRows: 'label_rows',
  /** float32 [B, C, D]: the labels of a bi-encoder. */
  labelVectors: 'label_vectors',
  /** [B, L, maxWidth, C], or [B, L, C, 3]. */
  logits: 'logits',
  /** [B, D], of the encoder of the labels. */
  labels: 'labels',
} as const

const TOKENS = 'token_rep_layer'
const TEXT_ENCODER = `${TOKENS}.bert_layer.model`
const LABEL_ENCODER = `${TOKENS}.labels_encoder.model`
const PROJECTION = `${TOKENS}.projection`
const LABEL_PROJECTION = `${TOKENS}.labels_projection`

interface GlinerModel {
  readonly config: GlinerConfig
  readonly text: Backbone
  readonly labels: Backbone | undefined
}

/** Words and labels of texts, compared. Of a bi-encoder all is stored, and the encoder of the labels is not computed here. */
export const gliner: Architecture<EncoderDescription> = defineArchitecture<GlinerModel>({
  kind: 'encoder',
  specVersion: 1,
  names: ['GLiNER'],
  modelTypes: ['gliner'],
  revision: 2,
  parseConfig: readModel,
  facts: ({ text }) => text.facts,
  // What stands on the hidden states is a classifier of words, with labels of each call.
  encoder: ({ text: { encoder } }) => ({ ...encoder, tasks: [...encoder.tasks, 'token-classification'] }),
  build(model, dtype) {
    const { config, text, labels } = model
    const root = new Module()
    buildEncoder(root, text, PROJECTION, config, dtype)
    if (labels !== undefined) buildEncoder(root, labels, LABEL_PROJECTION, config, dtype)
    if (config.rnnLayers > 0) root.child('rnn', new Module()).child('lstm', lstmModule(lstmOf(config), dtype))
    if (config.mode === 'span') buildSpanHead(root, config.hiddenSize, dtype)
    else buildTokenHead(root, config.hiddenSize, dtype)
    return shellOf(root, dtype, text, [...text.checkpoint, ...(labels?.checkpoint ?? [])])
  },
  forward: (ops, { config, text, labels }) => forwardTexts(ops, config, text, labels !== undefined),
  ignores: isPooler,
})

/** A bi-encoder that computes labels in place of texts, with parameters that the model has. */
export function describeLabels(json: JsonObject): EncoderDescription {
  const { config, labels } = readModel(json)
  const { facts, encoder } = labels!
  return {
    ...gliner.describe(json),
    ...{ facts, encoder, name: 'GLiNERLabels' },
    forward(ops) {
      const states = projected(ops, labels!, LABEL_PROJECTION, config)
      const mean = ops.graph.node('Squeeze', [ops.mean(states), ops.graph.literal('int64', [1], [1])])
      ops.output(PORTS.labels, mean, ['B', config.hiddenSize])
    },
  }
}

function readModel(json: JsonObject): GlinerModel {
  const config = readGlinerConfig(json)
  const { encoder, labels, vocabSize } = config
  return {
    config,
    // Markers have been added to the table since its own configuration was written.
    text: describeBackbone({ ...encoder, ...(vocabSize && { vocab_size: vocabSize }) }, TEXT_ENCODER),
    labels: labels && describeBackbone(labels.encoder, LABEL_ENCODER),
  }
}

/** No model of this kind reads it, and files of BERT hold it. */
function isPooler(name: string): boolean {
  return name.includes('.pooler.')
}

const shellOf = (root: Module, dtype: FloatDtype, of: Backbone, checkpoint: Backbone['checkpoint']) => ({
  ...{ root, dtype, checkpoint, inputEmbedding: of.inputEmbedding },
  ...{ basePrefix: '', outputEmbedding: '', ties: [] },
})

/** An encoder, and what brings its hidden states to the width of words and labels. */
function buildEncoder(
  root: Module,
  backbone: Backbone,
  projection: string,
  { hiddenSize }: GlinerConfig,
  dtype: FloatDtype,
): void {
  backbone.build(root, dtype)
  const { hiddenSize: width } = backbone.encoder
  if (width === hiddenSize) return
  const name = projection.slice(TOKENS.length + 1)
  root.children.get(TOKENS)!.child(name, new Linear(width, hiddenSize, dtype, { bias: true }))
}

/** Hidden states [N, 1, D]. */
function projected(
  ops: EncoderOps,
  backbone: Backbone,
  projection: string,
  { hiddenSize }: GlinerConfig,
): GraphValue {
  const hidden = backbone.forward(ops)
  return backbone.encoder.hiddenSize === hiddenSize ? hidden : ops.linear(projection, hidden)
}

const lstmOf = ({ rnnLayers, hiddenSize }: GlinerConfig): LstmShape => ({
  path: joinPath('rnn', 'lstm'),
  layers: rnnLayers,
  size: hiddenSize,
})

function forwardTexts(ops: EncoderOps, config: GlinerConfig, text: Backbone, isBiEncoder: boolean): void {
  const { hiddenSize, mode, maxWidth, rnnLayers } = config
  const rows = ops.rows(projected(ops, text, PROJECTION, config)) // [N, D]
  const at = (indices: GraphValue) => ops.graph.node('Gather', [rows, indices])
  const wordRows = ops.input(PORTS.wordRows, 'int64', ['B', 'L'])
  let words = ops.mul(at(wordRows), ops.input(PORTS.isWord, 'float32', ['B', 'L', 1]))
  const labels = isBiEncoder
    ? ops.input(PORTS.labelVectors, 'float32', ['B', 'C', hiddenSize])
    : at(ops.input(PORTS.labelRows, 'int64', ['B', 'C']))
  // A bi-encoder stores a recurrence and does not compute it.
  if (rnnLayers > 0 && !isBiEncoder) {
    words = lstm(ops, lstmOf(config), words, ops.input(PORTS.wordCounts, 'int32', ['B']))
  }
  if (mode === 'token') {
    ops.output(PORTS.logits, tokenLogits(ops, hiddenSize, words, labels), ['B', 'L', 'C', 3])
    return
  }
  const logits = spanLogits(ops, { size: hiddenSize, maxWidth }, words, labels)
  ops.output(PORTS.logits, logits, ['B', 'L', maxWidth, 'C'])
}
