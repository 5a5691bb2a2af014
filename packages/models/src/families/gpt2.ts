import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { attentionScale, GPT_NAMES } from './gpt-names.js'

/** GPT-2: learned positions, projections stored [in, out]. */
export const gpt2 = decoderFamily({
  names: ['GPT2LMHeadModel'],
  modelTypes: ['gpt2'],
  revision: 2,
  defaults: { n_positions: 1024, activation_function: 'gelu_new', tie_word_embeddings: true, head_dim: null },
  choose(read, { headSize }) {
    read.only('add_cross_attention', false, 'it needs an encoder')
    const scale = attentionScale(read, headSize)
    return {
      norm: layerNorm(read.number('layer_norm_epsilon', 1e-5)),
      attention: (index) => ({
        ...{ projections: 'concatenated', bias: true, outputBias: true },
        scale: scale(index),
      }),
      mlp: { kind: 'plain', bias: true },
      input: { positionOffset: 0 },
      storesColumns: true,
      names: GPT_NAMES,
    }
  },
  gguf: {
    architecture: 'gpt2',
    activation: 'gelu',
    biases: 'always',
  },
  onnxModelTypes: ['gpt2'],
})
