import { type GraphValue, joinPath } from '@hfquant/core/runtime'
import type { EncoderTask } from '../architecture/encoder-facts.js'
import { forwardLayers } from '../decoder/forward-layers.js'
import type { EncoderOps } from '../ops/encoder-ops.js'
import type { DenseChoice, EncoderConfig, HeadChoice } from './encoder-config.js'

/** The outputs of a task: hidden states and what is pooled of them, or logits. */
export function forwardEncoder(ops: EncoderOps, config: EncoderConfig, task: EncoderTask): void {
  const { hiddenSize, pooler, head } = config
  const hidden = forwardBackbone(ops, config)
  if (task === 'hidden-states' || head === undefined) {
    ops.outputOfTokens('last_hidden_state', hidden, hiddenSize)
    if (pooler === undefined) return
    ops.outputOfTexts('pooler_output', dense(ops, pooler, ops.first(hidden)), pooler.inner)
    return
  }
  if (task !== 'sequence-classification') {
    ops.outputOfTokens('logits', logits(ops, head, hidden), head.outputs)
    return
  }
  const read = head.of === 'mean' ? ops.mean(hidden) : ops.first(hidden)
  ops.outputOfTexts('logits', logits(ops, head, read), head.outputs)
}

/** Tokens to hidden states, as the tokens stand. */
export function forwardBackbone(ops: EncoderOps, config: EncoderConfig): GraphValue {
  const { names, finalNorm } = config
  const at = (name: string) => joinPath(names.base, name)
  const begin = ops.norm(at(names.embeddingNorm), embedded(ops, config))
  const isNarrow = config.tokens.size !== config.hiddenSize
  const projected = isNarrow ? ops.linear(at(names.projectIn), begin) : begin
  const end = ops.blocksEnd(forwardLayers(ops, config, at(names.layers), projected))
  return finalNorm ? ops.norm(at(names.finalNorm), end) : end
}

/** Rows of the tables of tokens, types and positions, added up. */
function embedded(ops: EncoderOps, { names, tokens }: EncoderConfig): GraphValue {
  const { positions, countedFrom, types } = tokens
  const embed = (name: string, rows: GraphValue) => ops.embed(joinPath(names.base, name), rows)
  const words = embed(names.embedding, ops.ids)
  const typed = types > 0 ? ops.add(words, embed(names.types, ops.types)) : words
  if (positions === undefined) return typed
  const places = countedFrom === undefined ? ops.positions : ops.countedPositions(countedFrom)
  return ops.add(typed, embed(names.positions, places))
}

function logits(ops: EncoderOps, { steps, output, outputs, bias, task }: HeadChoice, read: GraphValue) {
  const last = steps.reduce((value, step) => dense(ops, step, value), read)
  const products = task === 'masked-lm' ? ops.vocabulary(output, last) : ops.linear(output, last)
  if (bias === undefined || bias === 'own') return products
  return ops.add(products, ops.parameter(bias, [outputs]))
}

function dense(ops: EncoderOps, { path, activation, norm }: DenseChoice, x: GraphValue): GraphValue {
  const product = ops.linear(path, x)
  const active =
    activation === 'tanh' ? ops.graph.node('Tanh', [product]) : ops.activate(activation, product, path)
  return norm === undefined ? active : ops.norm(norm, active)
}
