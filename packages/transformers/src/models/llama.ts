import {
  Embedding,
  type FloatDtype,
  type GraphValue,
  joinPath,
  Linear,
  Module,
  type Shell,
  tie,
} from '@hfquant/core'
import { DECODER, type LoweringContext, lower } from '@hfquant/onnx'
import type { Architecture } from './architecture.js'
import { type AttentionInputs, attend, attentionInputs } from './attention.js'
import { lowerHead } from './head.js'
import { type LlamaConfig, parseLlamaConfig } from './llama-config.js'
import { lowerRmsNorm, RMSNorm } from './rms-norm.js'

/**
 * Llama 1 to 3: RMSNorm before attention and MLP, rotary positions, grouped-query attention, SwiGLU.
 *
 * Shapes: `B` sequences, `S` tokens, hidden size `D`, `H` heads of size `Dh`, `Hk` key/value heads.
 */
export const llama: Architecture<LlamaConfig> = {
  name: 'LlamaForCausalLM',
  parseConfig: parseLlamaConfig,
  build,
  lower: lowerLlama,
}

function build(config: LlamaConfig, dtype: FloatDtype): Shell {
  const { hiddenSize, vocabSize, normEpsilon } = config
  const root = new Module()
  const model = root.child('model', new Module())
  model.child('embed_tokens', new Embedding(vocabSize, hiddenSize, dtype))
  const layers = model.child('layers', new Module())
  for (let index = 0; index < config.layers; index++) layers.child(String(index), buildLayer(config, dtype))
  model.child('norm', new RMSNorm(hiddenSize, normEpsilon, dtype))
  root.child('lm_head', new Linear(hiddenSize, vocabSize, dtype))
  const shell: Shell = {
    root,
    dtype,
    basePrefix: 'model',
    inputEmbedding: 'model.embed_tokens',
    outputEmbedding: 'lm_head',
    ties: [],
  }
  if (config.tiedEmbeddings) tie(shell, { alias: 'lm_head.weight', target: 'model.embed_tokens.weight' })
  return shell
}

function buildLayer(config: LlamaConfig, dtype: FloatDtype): Module {
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize, normEpsilon } = config
  const layer = new Module()
  const attention = layer.child('self_attn', new Module())
  const attentionBias = { bias: config.attentionBias }
  attention.child('q_proj', new Linear(hiddenSize, heads * headSize, dtype, attentionBias))
  attention.child('k_proj', new Linear(hiddenSize, kvHeads * headSize, dtype, attentionBias))
  attention.child('v_proj', new Linear(hiddenSize, kvHeads * headSize, dtype, attentionBias))
  attention.child('o_proj', new Linear(heads * headSize, hiddenSize, dtype, attentionBias))
  const mlp = layer.child('mlp', new Module())
  const mlpBias = { bias: config.mlpBias }
  mlp.child('gate_proj', new Linear(hiddenSize, intermediateSize, dtype, mlpBias))
  mlp.child('up_proj', new Linear(hiddenSize, intermediateSize, dtype, mlpBias))
  mlp.child('down_proj', new Linear(intermediateSize, hiddenSize, dtype, mlpBias))
  layer.child('input_layernorm', new RMSNorm(hiddenSize, normEpsilon, dtype))
  layer.child('post_attention_layernorm', new RMSNorm(hiddenSize, normEpsilon, dtype))
  return layer
}

function lowerLlama(shell: Shell, config: LlamaConfig, context: LoweringContext): void {
  const { graph } = context
  const model = shell.root.children.get('model')!
  const inputs = attentionInputs(graph, config)
  const ids = graph.input(DECODER.inputIds, 'int64', ['B', 'S'])
  let hidden = lower(model.children.get('embed_tokens')!, 'model.embed_tokens', ids, context) // [B, S, D]
  for (const [index, layer] of model.children.get('layers')!.children) {
    context.trace?.blockBegins(`model.layers.${index}`, hidden)
    hidden = lowerLayer(layer, Number(index), hidden, inputs, config, context)
  }
  context.trace?.blocksEnd(hidden)
  // Only the rows whose logits are wanted pass through the head, which is the largest product of all.
  const rows = graph.node('Gather', [hidden, graph.input(DECODER.logitsRows, 'int64', ['R'])], {
    attributes: { axis: { int: 1 } },
  }) // [B, R, D]
  const normed = lowerRmsNorm(model.children.get('norm') as RMSNorm, 'model.norm', rows, context)
  const logits = lowerHead(shell, normed, context)
  graph.output(DECODER.logits, logits, 'float32', ['B', 'R', config.vocabSize])
}

function lowerLayer(
  layer: Module,
  index: number,
  hidden: GraphValue,
  inputs: AttentionInputs,
  config: LlamaConfig,
  context: LoweringContext,
): GraphValue {
  const { graph } = context
  const path = `model.layers.${index}`
  const child = (name: string, input: GraphValue): GraphValue => {
    const module = name.split('.').reduce((parent, part) => parent.children.get(part)!, layer)
    return lower(module, joinPath(path, name), input, context)
  }
  const norm = (name: string, input: GraphValue) =>
    lowerRmsNorm(layer.children.get(name) as RMSNorm, joinPath(path, name), input, context)

  const x = norm('input_layernorm', hidden) // [B, S, D]
  const query = child('self_attn.q_proj', x) // [B, S, H·Dh]
  const key = child('self_attn.k_proj', x) // [B, S, Hk·Dh]
  const value = child('self_attn.v_proj', x) // [B, S, Hk·Dh]
  const attended = attend({ graph, index, query, key, value, inputs, config })
  const afterAttention = graph.node('Add', [hidden, child('self_attn.o_proj', attended)])
  context.trace?.blockContinues(afterAttention)

  const y = norm('post_attention_layernorm', afterAttention)
  const gate = child('mlp.gate_proj', y) // [B, S, intermediate]
  const silu = graph.node('Mul', [gate, graph.node('Sigmoid', [gate])])
  const gated = graph.node('Mul', [silu, child('mlp.up_proj', y)])
  return graph.node('Add', [afterAttention, child('mlp.down_proj', gated)])
}
