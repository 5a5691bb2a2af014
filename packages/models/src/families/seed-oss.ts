import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** Seed OSS: Llama with biases of queries, keys and values. */
export const seedOss = decoderFamily({
  names: ['SeedOssForCausalLM'],
  modelTypes: ['seed_oss'],
  revision: 2,
  defaults: { max_position_embeddings: 524288, head_dim: 128, num_key_value_heads: 8 },
  choose: (read, { headSize, positions }) => ({
    norm: rmsNorm(read.number('rms_norm_eps', 1e-6)),
    attention: {
      bias: read.flag('attention_bias', true),
      outputBias: read.flag('attention_out_bias'),
      rope: readRope(read, { headSize, positions }),
    },
    mlp: { bias: read.flag('mlp_bias') },
  }),
  gguf: { architecture: 'seed_oss', names: { mlpIn: 'post_attention_norm' } },
})
