import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** Apertus: a plain MLP with an activation that is learned for each layer. */
export const apertus = decoderFamily({
  names: ['ApertusForCausalLM'],
  modelTypes: ['apertus'],
  revision: 2,
  defaults: { max_position_embeddings: 65536, hidden_act: 'xielu' },
  choose(read, { headSize, positions }) {
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-5))
    const bias = read.flag('attention_bias')
    return {
      norm,
      attention: {
        ...{ bias, outputBias: bias, headNorm: { over: 'head', norm } },
        rope: readRope(read, { headSize, positions, theta: 1.2e7, scaling: SCALING }),
      },
      mlp: { kind: 'plain' },
      names: { norms: { attentionIn: 'attention_layernorm', mlpIn: 'feedforward_layernorm' } },
    }
  },
  gguf: {
    architecture: 'apertus',
    activation: 'xielu',
    metadataNumbers: {
      'xielu.alpha_n': 'mlp.act_fn.alpha_n',
      'xielu.alpha_p': 'mlp.act_fn.alpha_p',
      'xielu.beta': 'mlp.act_fn.beta',
      'xielu.eps': 'mlp.act_fn.eps',
    },
    biases: 'attention',
    output: 'own matrix',
    ropeFactors: ['llama3', 'longrope'],
  },
  onnxModelTypes: ['apertus'],
})

/** What the configuration class has where a file says nothing. */
const SCALING = {
  rope_type: 'llama3',
  rope_theta: 1.2e7,
  factor: 8,
  original_max_position_embeddings: 8192,
  low_freq_factor: 1,
  high_freq_factor: 4,
}
