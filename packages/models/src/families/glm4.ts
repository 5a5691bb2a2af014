import { decoderFamily } from '../decoder/decoder-family.js'
import { glmChoices } from './glm.js'

/** GLM 4 of 2025: GLM with norms behind the branches as well. */
export const glm4 = decoderFamily({
  names: ['Glm4ForCausalLM'],
  modelTypes: ['glm4'],
  revision: 2,
  defaults: { max_position_embeddings: 131072, head_dim: 128, num_key_value_heads: 2 },
  choose: (read, sizes) => ({
    ...glmChoices(read, sizes),
    names: {
      norms: {
        attentionIn: 'input_layernorm',
        attentionOut: 'post_self_attn_layernorm',
        mlpIn: 'post_attention_layernorm',
        mlpOut: 'post_mlp_layernorm',
      },
    },
  }),
  gguf: { architecture: 'glm4' },
})
