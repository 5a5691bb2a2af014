import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'

/** StableLM: layer norms, a quarter of each head turned; larger ones are parallel with a norm for each head. */
export const stablelm = decoderFamily({
  names: ['StableLmForCausalLM'],
  modelTypes: ['stablelm'],
  revision: 2,
  defaults: { max_position_embeddings: 4096, head_dim: null },
  choose(read, { headSize, positions }) {
    const norm = layerNorm(read.number('layer_norm_eps', 1e-5))
    const isParallel = read.flag('use_parallel_residual')
    return {
      norm,
      residual: { kind: isParallel ? 'parallel' : 'pre' },
      attention: {
        bias: read.flag('use_qkv_bias'),
        rope: readRope(read, { headSize, positions, partial: 0.25 }),
        ...(read.flag('qk_layernorm') && { headNorm: { over: 'each', norm: { ...norm, bias: false } } }),
      },
      names: {
        queryNorm: 'self_attn.q_layernorm',
        keyNorm: 'self_attn.k_layernorm',
        ...(isParallel && { norms: { attentionIn: 'input_layernorm' } }),
      },
      checkpoint: ['q_layernorm', 'k_layernorm'].map((name) => ({
        from: `self_attn.${name}.norms.*.weight`,
        to: `self_attn.${name}.weight`,
      })),
    }
  },
  gguf: {
    architecture: 'stablelm',
    output: 'own matrix',
    metadata: ({ residual }) => ({ use_parallel_residual: { bool: residual.kind === 'parallel' } }),
    refuses: ({ layers: [layer] }) =>
      layer!.attention.headNorm === undefined ? undefined : 'it has norms of queries and keys',
  },
  onnxModelTypes: ['stablelm'],
})
