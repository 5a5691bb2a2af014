import type { JsonObject } from '@hfquant/core'
import type { ModelLayout, ModuleSpec } from '../layout.js'
import type { ArchitectureSize } from './size.js'

/** What tells the relatives of Llama apart, as far as their checkpoints show it. */
export interface LlamaVariant {
  readonly architecture: string
  readonly modelType: string
  /** Vectors of a layer, besides those of the heads. */
  readonly norms: readonly string[]
  /** Which projections of the attention have a bias. */
  readonly attentionBias?: 'qkv' | 'all'
  readonly mlpBias?: boolean
  /** Query, key and value in one matrix, and gate with up in another. */
  readonly fused?: boolean
  /** Norms of queries and keys: one for every head, or one for all of them together. */
  readonly headNorms?: 'each' | 'together'
  readonly isMixture?: boolean
  readonly isTied?: boolean
  /** What config.json has beyond the fields of Llama. */
  readonly config?: JsonObject
}

const LLAMA_NORMS = ['input_layernorm', 'post_attention_layernorm']
const GEMMA_NORMS = [...LLAMA_NORMS, 'pre_feedforward_layernorm', 'post_feedforward_layernorm']
const GEMMA = {
  norms: GEMMA_NORMS,
  isTied: true,
  config: { hidden_activation: 'gelu_pytorch_tanh', query_pre_attn_scalar: 16, sliding_window: 8 },
}

/** Tensor names and shapes as transformers 5.18 saves them. */
export const LLAMA_VARIANTS = {
  llama: { architecture: 'LlamaForCausalLM', modelType: 'llama', norms: LLAMA_NORMS },
  'llama-bias': {
    architecture: 'LlamaForCausalLM',
    modelType: 'llama',
    norms: LLAMA_NORMS,
    attentionBias: 'all',
    mlpBias: true,
    config: { attention_bias: true, mlp_bias: true },
  },
  mistral: {
    architecture: 'MistralForCausalLM',
    modelType: 'mistral',
    norms: LLAMA_NORMS,
    config: { sliding_window: 8 },
  },
  qwen2: {
    architecture: 'Qwen2ForCausalLM',
    modelType: 'qwen2',
    norms: LLAMA_NORMS,
    attentionBias: 'qkv',
    isTied: true,
  },
  qwen3: {
    architecture: 'Qwen3ForCausalLM',
    modelType: 'qwen3',
    norms: LLAMA_NORMS,
    headNorms: 'each',
    isTied: true,
  },
  qwen3_moe: {
    architecture: 'Qwen3MoeForCausalLM',
    modelType: 'qwen3_moe',
    norms: LLAMA_NORMS,
    headNorms: 'each',
    isMixture: true,
    config: { num_experts_per_tok: 2, decoder_sparse_step: 1, mlp_only_layers: [], norm_topk_prob: true },
  },
  gemma2: {
    ...GEMMA,
    architecture: 'Gemma2ForCausalLM',
    modelType: 'gemma2',
    config: { ...GEMMA.config, attn_logit_softcapping: 50, final_logit_softcapping: 30 },
  },
  gemma3_text: { ...GEMMA, architecture: 'Gemma3ForCausalLM', modelType: 'gemma3_text', headNorms: 'each' },
  phi3: { architecture: 'Phi3ForCausalLM', modelType: 'phi3', norms: LLAMA_NORMS, fused: true },
  olmo2: {
    architecture: 'Olmo2ForCausalLM',
    modelType: 'olmo2',
    norms: ['post_attention_layernorm', 'post_feedforward_layernorm'],
    headNorms: 'together',
  },
} as const satisfies Readonly<Record<string, LlamaVariant>>

export function llamaLayout(variant: LlamaVariant, size: ArchitectureSize, isTied: boolean): ModelLayout {
  const { hidden, vocabulary } = size
  const modules: Record<string, ModuleSpec> = {
    'model.embed_tokens': { kind: 'embedding', count: vocabulary, size: hidden },
  }
  for (let index = 0; index < size.layers; index++) {
    const parts = { ...attention(variant, size), ...mlp(variant, size) }
    for (const name of variant.norms) parts[name] = { kind: 'vector', size: hidden }
    for (const [name, spec] of Object.entries(parts)) modules[`model.layers.${index}.${name}`] = spec
  }
  modules['model.norm'] = { kind: 'vector', size: hidden }
  modules.lm_head = { kind: 'linear', inFeatures: hidden, outFeatures: vocabulary }
  return {
    modules,
    basePrefix: 'model',
    inputEmbedding: 'model.embed_tokens',
    outputEmbedding: 'lm_head',
    ties: isTied ? [{ alias: 'lm_head.weight', target: 'model.embed_tokens.weight' }] : [],
  }
}

type Parts = Record<string, ModuleSpec>

function attention({ attentionBias, fused, headNorms }: LlamaVariant, size: ArchitectureSize): Parts {
  const { hidden, heads, kvHeads, headSize } = size
  const [queries, keys] = [heads * headSize, kvHeads * headSize]
  const input = (outFeatures: number): ModuleSpec => ({
    kind: 'linear',
    inFeatures: hidden,
    outFeatures,
    bias: attentionBias !== undefined,
  })
  const output: ModuleSpec = {
    kind: 'linear',
    inFeatures: queries,
    outFeatures: hidden,
    bias: attentionBias === 'all',
  }
  const norm = (together: number): ModuleSpec => ({
    kind: 'vector',
    size: headNorms === 'each' ? headSize : together,
  })
  return {
    ...(fused
      ? { 'self_attn.qkv_proj': input(queries + 2 * keys) }
      : {
          'self_attn.q_proj': input(queries),
          'self_attn.k_proj': input(keys),
          'self_attn.v_proj': input(keys),
        }),
    'self_attn.o_proj': output,
    ...(headNorms === undefined ? {} : { 'self_attn.q_norm': norm(queries), 'self_attn.k_norm': norm(keys) }),
  }
}

function mlp({ mlpBias: bias = false, fused, isMixture }: LlamaVariant, size: ArchitectureSize): Parts {
  const { hidden, inner, expertInner, experts } = size
  const up = (outFeatures: number): ModuleSpec => ({ kind: 'linear', inFeatures: hidden, outFeatures, bias })
  const down = (inFeatures: number): ModuleSpec => ({ kind: 'linear', inFeatures, outFeatures: hidden, bias })
  if (fused) return { 'mlp.gate_up_proj': up(2 * inner), 'mlp.down_proj': down(inner) }
  const gated = (path: string, width: number): Parts => ({
    [`${path}.gate_proj`]: up(width),
    [`${path}.up_proj`]: up(width),
    [`${path}.down_proj`]: down(width),
  })
  if (!isMixture) return gated('mlp', inner)
  const each = Array.from({ length: experts }, (_, index) => gated(`mlp.experts.${index}`, expertInner))
  return Object.assign({ 'mlp.gate': up(experts) }, ...each) as Parts
}

export const llamaConfig = (variant: LlamaVariant, size: ArchitectureSize, isTied: boolean): JsonObject => ({
  architectures: [variant.architecture],
  model_type: variant.modelType,
  vocab_size: size.vocabulary,
  hidden_size: size.hidden,
  intermediate_size: size.inner,
  num_hidden_layers: size.layers,
  num_attention_heads: size.heads,
  num_key_value_heads: size.kvHeads,
  head_dim: size.headSize,
  max_position_embeddings: size.positions,
  rms_norm_eps: 1e-5,
  // Gemma calls it hidden_activation.
  ...(variant.config !== undefined && 'hidden_activation' in variant.config ? {} : { hidden_act: 'silu' }),
  rope_parameters: { rope_type: 'default', rope_theta: 10000 },
  tie_word_embeddings: isTied,
  bos_token_id: 0,
  eos_token_id: 1,
  ...(variant.isMixture ? { moe_intermediate_size: size.expertInner, num_local_experts: size.experts } : {}),
  ...variant.config,
})
