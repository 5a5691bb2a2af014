import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { widthUnlike } from './gguf-limits.js'

/** Nemotron and Minitron: layer norms that multiply with 1 + weight, a squared ReLU. */
export const nemotron = decoderFamily({
  names: ['NemotronForCausalLM'],
  modelTypes: ['nemotron'],
  revision: 2,
  defaults: { max_position_embeddings: 4096, hidden_act: 'relu2' },
  choose(read, { headSize, positions }) {
    const bias = read.flag('attention_bias')
    return {
      norm: layerNorm(read.number('norm_eps', 1e-5), { offset: 1 }),
      attention: {
        ...{ bias, outputBias: bias },
        rope: readRope(read, { headSize, positions, partial: 0.5 }),
      },
      mlp: { kind: 'plain', bias: read.flag('mlp_bias') },
    }
  },
  gguf: {
    architecture: 'nemotron',
    activation: 'relu-squared',
    biases: 'optional',
    output: 'own matrix',
    refuses: widthUnlike,
  },
})
