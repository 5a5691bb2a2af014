import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** ERNIE 4.5: neighbours turned, biases everywhere or nowhere. */
export const ernie45 = decoderFamily({
  names: ['Ernie4_5ForCausalLM'],
  modelTypes: ['ernie4_5'],
  revision: 2,
  defaults: {
    max_position_embeddings: 131072,
    head_dim: 128,
    num_key_value_heads: 2,
    tie_word_embeddings: true,
  },
  choose(read, { headSize, positions }) {
    const bias = read.flag('use_bias')
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-5)),
      attention: {
        ...{ bias, outputBias: bias },
        rope: readRope(read, { headSize, positions, theta: 5e5, order: 'pairs' }),
      },
      mlp: { bias },
    }
  },
  gguf: { architecture: 'ernie4_5', biases: 'attention' },
  onnxModelTypes: ['ernie4_5'],
})
