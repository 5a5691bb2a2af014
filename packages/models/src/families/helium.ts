import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** Helium: Llama with neighbours turned. */
export const helium = decoderFamily({
  names: ['HeliumForCausalLM'],
  modelTypes: ['helium'],
  revision: 2,
  defaults: { max_position_embeddings: 4096, head_dim: 128 },
  choose: (read, { headSize, positions }) => ({
    norm: rmsNorm(read.number('rms_norm_eps', 1e-8)),
    attention: {
      bias: read.flag('attention_bias'),
      rope: readRope(read, { headSize, positions, theta: 1e5, order: 'pairs' }),
    },
    mlp: { bias: read.flag('mlp_bias') },
  }),
  onnxModelTypes: ['helium'],
})
