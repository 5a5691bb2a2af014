import { findModule, type GraphValue, joinPath, type Module } from '@hfquant/core'
import { cast } from '../../models/cast.js'
import type { LlamaConfig } from '../../models/llama-config.js'
import { type RMSNorm, rmsNorm } from '../../models/rms-norm.js'
import { floatWeights } from '../float-weight.js'
import type { OnnxArchitecture, OnnxContext } from './architecture.js'
import { type AttentionInputs, attend, attentionInputs } from './attention.js'
import { headName, lookUp } from './embeddings.js'
import { floatConstant } from './float-constant.js'
import { lastRows } from './last-rows.js'
import { BATCH, PORTS, SEQUENCE, tokenInput } from './ports.js'

/** Llama 1 to 3. The arithmetic is that of models/llama.ts; inputs, outputs and cache are the library's. */
export const llamaOnnx: OnnxArchitecture<LlamaConfig> = {
  modelTypes: ['llama'],
  lower(shell, config, context) {
    const { graph, float, linear } = context
    const ids = tokenInput(graph, PORTS.inputIds, SEQUENCE)
    const inputs = attentionInputs(graph, ids, config, float)
    const norm = (path: string, input: GraphValue) => {
      const module = findModule(shell.root, path) as RMSNorm
      const weight = floatConstant(graph, floatWeights(path, module).get('weight')!, float)
      return rmsNorm(graph, input, weight, module.epsilon)
    }
    let hidden = lookUp(shell, ids, context) // [B, S, D]
    for (let index = 0; index < config.layers; index++) {
      hidden = lowerLayer(shell.root, index, hidden, { ...context, norm, inputs, config })
    }
    const normed = norm('model.norm', lastRows(graph, hidden))
    const head = findModule(shell.root, shell.outputEmbedding)!
    const logits = linear(head, headName(shell), normed, { isOutput: true })
    const wide = float === 'float32' ? logits : cast(graph, logits, 'float32')
    graph.output(PORTS.logits, wide, 'float32', [BATCH, 'logits_length', config.vocabSize])
  },
}

interface LayerContext extends OnnxContext {
  readonly norm: (path: string, input: GraphValue) => GraphValue
  readonly inputs: AttentionInputs
  readonly config: LlamaConfig
}

function lowerLayer(root: Module, index: number, hidden: GraphValue, context: LayerContext): GraphValue {
  const { graph, linear, norm, inputs, config } = context
  const path = `model.layers.${index}`
  const project = (name: string, input: GraphValue) =>
    linear(findModule(root, joinPath(path, name))!, joinPath(path, name), input)
  const x = norm(`${path}.input_layernorm`, hidden)
  const attended = attend({
    ...{ graph, index, inputs, config },
    query: project('self_attn.q_proj', x),
    key: project('self_attn.k_proj', x),
    value: project('self_attn.v_proj', x),
  })
  const afterAttention = graph.node('Add', [hidden, project('self_attn.o_proj', attended)])
  const y = norm(`${path}.post_attention_layernorm`, afterAttention)
  const gate = project('mlp.gate_proj', y)
  const silu = graph.node('Mul', [gate, graph.node('Sigmoid', [gate])])
  const gated = graph.node('Mul', [silu, project('mlp.up_proj', y)])
  return graph.node('Add', [afterAttention, project('mlp.down_proj', gated)])
}
