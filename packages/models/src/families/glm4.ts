import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** GLM 4 of 2025: GLM with norms behind the branches as well. */
export const glm4 = decoderFamily({
  names: ['Glm4ForCausalLM'],
  modelTypes: ['glm4'],
  revision: 2,
  defaults: { max_position_embeddings: 131072, head_dim: 128, num_key_value_heads: 2 },
  choose(read, { headSize, positions }) {
    const rope = readRope(read, { headSize, positions, partial: 0.5, order: 'pairs' })
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1.5625e-7)),
      attention: { bias: read.flag('attention_bias', true), rope },
      mlp: { kind: 'fused' },
      names: {
        norms: {
          attentionIn: 'input_layernorm',
          attentionOut: 'post_self_attn_layernorm',
          mlpIn: 'post_attention_layernorm',
          mlpOut: 'post_mlp_layernorm',
        },
      },
    }
  },
  gguf: { architecture: 'glm4' },
})
