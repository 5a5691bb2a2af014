import type { JsonObject } from '@hfquant/core'
import type { ModelLayout, ModuleSpec } from '../layout.js'
import type { ArchitectureSize } from './size.js'

/** GPT-2: learned positions, and matrices stored [in, out]. */
export function gpt2Layout(
  { layers, hidden, vocabulary, positions }: ArchitectureSize,
  isTied: boolean,
): ModelLayout {
  const norm: ModuleSpec = { kind: 'vector', size: hidden, bias: true }
  const conv = (inFeatures: number, outFeatures: number): ModuleSpec => ({
    kind: 'conv1d',
    inFeatures,
    outFeatures,
  })
  const modules: Record<string, ModuleSpec> = {
    'transformer.wte': { kind: 'embedding', count: vocabulary, size: hidden },
    'transformer.wpe': { kind: 'embedding', count: positions, size: hidden },
  }
  for (let index = 0; index < layers; index++) {
    const layer = `transformer.h.${index}`
    modules[`${layer}.ln_1`] = norm
    modules[`${layer}.attn.c_attn`] = conv(hidden, 3 * hidden)
    modules[`${layer}.attn.c_proj`] = conv(hidden, hidden)
    modules[`${layer}.ln_2`] = norm
    modules[`${layer}.mlp.c_fc`] = conv(hidden, 4 * hidden)
    modules[`${layer}.mlp.c_proj`] = conv(4 * hidden, hidden)
  }
  modules['transformer.ln_f'] = norm
  modules.lm_head = { kind: 'linear', inFeatures: hidden, outFeatures: vocabulary }
  return {
    modules,
    basePrefix: 'transformer',
    inputEmbedding: 'transformer.wte',
    outputEmbedding: 'lm_head',
    ties: isTied ? [{ alias: 'lm_head.weight', target: 'transformer.wte.weight' }] : [],
  }
}

export const gpt2Config = (size: ArchitectureSize, isTied: boolean): JsonObject => ({
  architectures: ['GPT2LMHeadModel'],
  model_type: 'gpt2',
  vocab_size: size.vocabulary,
  n_embd: size.hidden,
  n_head: size.heads,
  n_layer: size.layers,
  n_positions: size.positions,
  n_inner: null,
  activation_function: 'gelu_new',
  layer_norm_epsilon: 1e-5,
  tie_word_embeddings: isTied,
  bos_token_id: 0,
  eos_token_id: 1,
})

/** GPT-NeoX: attention and MLP side by side, with query, key and value in one matrix. */
export function gptNeoxLayout(size: ArchitectureSize, isTied: boolean): ModelLayout {
  const { layers, hidden, inner, vocabulary } = size
  const norm: ModuleSpec = { kind: 'vector', size: hidden, bias: true }
  const linear = (inFeatures: number, outFeatures: number): ModuleSpec => ({
    kind: 'linear',
    inFeatures,
    outFeatures,
    bias: true,
  })
  const modules: Record<string, ModuleSpec> = {
    'gpt_neox.embed_in': { kind: 'embedding', count: vocabulary, size: hidden },
  }
  for (let index = 0; index < layers; index++) {
    const layer = `gpt_neox.layers.${index}`
    modules[`${layer}.input_layernorm`] = norm
    modules[`${layer}.post_attention_layernorm`] = norm
    modules[`${layer}.attention.query_key_value`] = linear(hidden, 3 * hidden)
    modules[`${layer}.attention.dense`] = linear(hidden, hidden)
    modules[`${layer}.mlp.dense_h_to_4h`] = linear(hidden, inner)
    modules[`${layer}.mlp.dense_4h_to_h`] = linear(inner, hidden)
  }
  modules['gpt_neox.final_layer_norm'] = norm
  modules.embed_out = { kind: 'linear', inFeatures: hidden, outFeatures: vocabulary }
  return {
    modules,
    basePrefix: 'gpt_neox',
    inputEmbedding: 'gpt_neox.embed_in',
    outputEmbedding: 'embed_out',
    ties: isTied ? [{ alias: 'embed_out.weight', target: 'gpt_neox.embed_in.weight' }] : [],
  }
}

export const gptNeoxConfig = (size: ArchitectureSize, isTied: boolean): JsonObject => ({
  architectures: ['GPTNeoXForCausalLM'],
  model_type: 'gpt_neox',
  vocab_size: size.vocabulary,
  hidden_size: size.hidden,
  intermediate_size: size.inner,
  num_hidden_layers: size.layers,
  num_attention_heads: size.heads,
  max_position_embeddings: size.positions,
  hidden_act: 'gelu',
  layer_norm_eps: 1e-5,
  use_parallel_residual: true,
  attention_bias: true,
  rope_parameters: { rope_type: 'default', rope_theta: 10000, partial_rotary_factor: 0.25 },
  tie_word_embeddings: isTied,
  bos_token_id: 0,
  eos_token_id: 1,
})
