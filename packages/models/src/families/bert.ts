import { encoderFamily } from '../encoder/encoder-family.js'
import { layerNorm } from '../parts/norm.js'

/** BERT (Devlin et al. 2019): learned positions, types of tokens, norms behind the branches. */
export const bert = encoderFamily({
  classes: ['Bert'],
  modelTypes: ['bert'],
  onnxModelTypes: ['bert'],
  revision: 1,
  defaults: { max_position_embeddings: 512, type_vocab_size: 2 },
  choose(read, sizes) {
    const { hidden } = sizes
    const pooled = { path: 'bert.pooler.dense', inner: hidden, bias: true, activation: 'tanh' } as const
    return {
      norm: layerNorm(read.number('layer_norm_eps', 1e-12)),
      pooler: { ...pooled, path: 'pooler.dense' },
      heads: {
        'sequence-classification': { steps: [pooled], output: 'classifier' },
        'token-classification': { output: 'classifier' },
        'masked-lm': {
          steps: [
            {
              path: 'cls.predictions.transform.dense',
              inner: hidden,
              bias: true,
              activation: read.activation('hidden_act', 'gelu'),
              norm: 'cls.predictions.transform.LayerNorm',
            },
          ],
          output: 'cls.predictions.decoder',
          bias: 'cls.predictions.bias',
        },
      },
    }
  },
})
