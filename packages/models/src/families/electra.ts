import { encoderFamily } from '../encoder/encoder-family.js'
import { layerNorm } from '../parts/norm.js'

/** ELECTRA (Clark et al. 2020): BERT whose tables may be narrower than its hidden states. */
export const electra = encoderFamily({
  classes: ['Electra'],
  modelTypes: ['electra'],
  onnxModelTypes: ['electra'],
  revision: 1,
  defaults: { max_position_embeddings: 512, type_vocab_size: 2 },
  choose(read, sizes) {
    const { hidden } = sizes
    const size = read.size('embedding_size', 128)
    return {
      norm: layerNorm(read.number('layer_norm_eps', 1e-12)),
      tokens: { size },
      heads: {
        'sequence-classification': {
          steps: [{ path: 'classifier.dense', inner: hidden, bias: true, activation: 'gelu' }],
          output: 'classifier.out_proj',
        },
        'token-classification': { output: 'classifier' },
        'masked-lm': {
          steps: [
            {
              ...{ path: 'generator_predictions.dense', norm: 'generator_predictions.LayerNorm' },
              ...{ inner: size, bias: true, activation: 'gelu' },
            },
          ],
          output: 'generator_lm_head',
        },
      },
      names: { prefix: 'electra' },
    }
  },
})
