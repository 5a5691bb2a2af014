import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { refuseExperts } from './gguf-limits.js'

/** Llama 1 to 3 (Touvron et al. 2023): RMS norms, rotary positions, grouped queries, a gated MLP. */
export const llama = decoderFamily({
  names: ['LlamaForCausalLM'],
  modelTypes: ['llama'],
  revision: 2,
  choose: (read, { headSize, positions }) => ({
    norm: rmsNorm(read.number('rms_norm_eps', 1e-6)),
    attention: {
      bias: read.flag('attention_bias'),
      outputBias: read.flag('attention_bias'),
      rope: readRope(read, { headSize, positions }),
    },
    mlp: { bias: read.flag('mlp_bias') },
  }),
  gguf: {
    architecture: 'llama',
    turnsNeighbours: true,
    biases: 'optional',
    ropeFactors: ['llama3', 'longrope'],
    config(read) {
      refuseExperts(read)
      return {
        attention_bias: read.hasTensor('blk.0.attn_q.bias'),
        mlp_bias: read.hasTensor('blk.0.ffn_up.bias'),
      }
    },
  },
  onnxModelTypes: ['llama'],
})
