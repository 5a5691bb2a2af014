import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** Gemma: norms that multiply with 1 + weight, embeddings scaled by the root of their width. */
export const gemma = decoderFamily({
  names: ['GemmaForCausalLM'],
  modelTypes: ['gemma'],
  revision: 2,
  defaults: {
    max_position_embeddings: 8192,
    head_dim: 256,
    num_key_value_heads: 16,
    tie_word_embeddings: true,
  },
  choose(read, { hidden, headSize, positions }) {
    const bias = read.flag('attention_bias')
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-6), { offset: 1 }),
      attention: { bias, outputBias: bias, rope: readRope(read, { headSize, positions }) },
      // Old files say "gelu" and mean the other one.
      mlp: {
        activation:
          read.json.hidden_act === 'gelu' ? 'gelu-tanh' : read.activation('hidden_act', 'gelu_pytorch_tanh'),
      },
      input: { scale: Math.fround(Math.sqrt(hidden)) },
    }
  },
  gguf: { architecture: 'gemma', activation: 'gelu', output: 'token table' },
  onnxModelTypes: ['gemma'],
})
