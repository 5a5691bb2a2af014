import { type Architecture, decoderFamily, layerNorm, readRope } from '@hfquant/models'

/** Persimmon (Adept 2023): layer norms, also of queries and keys, half of each head turns, an MLP with squared ReLU. */
export const persimmon: Architecture = decoderFamily({
  names: ['PersimmonForCausalLM'],
  modelTypes: ['persimmon'],
  revision: 1,
  defaults: { hidden_act: 'relu2', max_position_embeddings: 16384, head_dim: null },
  choose(read, { headSize, positions }) {
    const norm = layerNorm(read.number('layer_norm_eps', 1e-5))
    return {
      norm,
      attention: {
        projections: 'grouped',
        bias: true,
        outputBias: true,
        headNorm: read.flag('qk_layernorm', true) ? { over: 'head', norm } : undefined,
        rope: readRope(read, { headSize, positions, partial: 0.5 }),
      },
      mlp: { kind: 'plain', bias: true },
      names: {
        projections: 'self_attn.query_key_value',
        output: 'self_attn.dense',
        queryNorm: 'self_attn.q_layernorm',
        keyNorm: 'self_attn.k_layernorm',
        up: 'mlp.dense_h_to_4h',
        down: 'mlp.dense_4h_to_h',
        finalNorm: 'final_layernorm',
      },
    }
  },
})
