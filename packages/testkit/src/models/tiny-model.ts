import { findModule, type GraphValue, type Shell } from '@hfquant/core/runtime'
import { createGraph, type Graph, type LoweringContext, lower } from '@hfquant/onnx'
import type { ModelLayout, ModuleSpec } from './layout.js'

export interface TinyModelOptions {
  readonly layers?: number
  /** Width of the hidden states; default 128, which every common group and block size divides. */
  readonly hidden?: number
  /** Width within a layer; default 256. */
  readonly inner?: number
  readonly vocabulary?: number
  /** The head shares the weight of the embedding. */
  readonly tied?: boolean
  /** The first matrix of a layer is stored [inFeatures, outFeatures], as GPT-2 does. */
  readonly conv1d?: boolean
  /** Without a head: a bare base model. */
  readonly headless?: boolean
}

/**
 * The kit's own decoder, as small as one can be that still computes logits: an embedding, layers of two matrices with a
 * residual, and a head. It stands in for an architecture, so that a backend is tested without one; what it lacks,
 * attention above all, holds no weights of another kind.
 */
export function tinyModel(options: TinyModelOptions = {}): ModelLayout {
  const { layers = 2, hidden = 128, inner = 256, vocabulary = 96 } = options
  const first: ModuleSpec = options.conv1d
    ? { kind: 'conv1d', inFeatures: hidden, outFeatures: inner }
    : { kind: 'linear', inFeatures: hidden, outFeatures: inner, bias: true }
  const blocks = Array.from({ length: layers }, (_, index) => [
    [`model.layers.${index}.up_proj`, first],
    [`model.layers.${index}.down_proj`, { kind: 'linear', inFeatures: inner, outFeatures: hidden }],
  ])
  return {
    modules: {
      'model.embed_tokens': { kind: 'embedding', count: vocabulary, size: hidden },
      ...(Object.fromEntries(blocks.flat()) as Record<string, ModuleSpec>),
      ...(options.headless
        ? {}
        : { lm_head: { kind: 'linear', inFeatures: hidden, outFeatures: vocabulary } as const }),
    },
    basePrefix: 'model',
    inputEmbedding: 'model.embed_tokens',
    outputEmbedding: options.headless ? '' : 'lm_head',
    ties: options.tied ? [{ alias: 'lm_head.weight', target: 'model.embed_tokens.weight' }] : [],
  }
}

/** Input of the graph: int64 [B, S]. */
export const INPUT_IDS = 'input_ids'
/** Output of the graph: float32 [B, S, vocabulary]. */
export const LOGITS = 'logits'

/** The graph of a tiny model, as its shell stands: h = E[ids]; h += down(tanh(up(h))) per layer; head(h). */
export function lowerTinyModel(shell: Shell, options: Omit<LoweringContext, 'graph'>): Graph {
  const graph = createGraph('tiny')
  const at = (path: string, input: GraphValue): GraphValue =>
    lower(findModule(shell.root, path)!, path, input, { graph, ...options })
  let hidden = at(shell.inputEmbedding, graph.input(INPUT_IDS, 'int64', ['B', 'S']))
  for (const index of findModule(shell.root, 'model.layers')!.children.keys()) {
    const layer = `model.layers.${index}`
    const inner = graph.node('Tanh', [at(`${layer}.up_proj`, hidden)])
    hidden = graph.node('Add', [hidden, at(`${layer}.down_proj`, inner)])
  }
  graph.output(LOGITS, at(shell.outputEmbedding, hidden), 'float32', ['B', 'S', 'V'])
  return graph
}
