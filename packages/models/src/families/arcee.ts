import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** Arcee AFM: Llama with a plain MLP and a squared ReLU. */
export const arcee = decoderFamily({
  names: ['ArceeForCausalLM'],
  modelTypes: ['arcee'],
  revision: 2,
  defaults: { max_position_embeddings: 4096, hidden_act: 'relu2' },
  choose(read, { headSize, positions }) {
    const bias = read.flag('attention_bias')
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-5)),
      attention: { bias, outputBias: bias, rope: readRope(read, { headSize, positions }) },
      mlp: { kind: 'plain', bias: read.flag('mlp_bias') },
    }
  },
  gguf: {
    architecture: 'arcee',
    turnsNeighbours: true,
    activation: 'relu-squared',
    ropeFactors: ['llama3'],
  },
  onnxModelTypes: ['arcee'],
})
