import { encoderFamily } from '../encoder/encoder-family.js'
import { layerNorm } from '../parts/norm.js'

/** DistilBERT (Sanh et al. 2019): BERT without types of tokens and without a pooler. */
export const distilbert = encoderFamily({
  classes: ['DistilBert'],
  modelTypes: ['distilbert'],
  onnxModelTypes: ['distilbert'],
  revision: 1,
  defaults: { max_position_embeddings: 512, type_vocab_size: null },
  choose(read, sizes) {
    const step = { inner: sizes.hidden, bias: true } as const
    return {
      norm: layerNorm(1e-12),
      heads: {
        'sequence-classification': {
          steps: [{ ...step, path: 'pre_classifier', activation: 'relu' }],
          output: 'classifier',
        },
        'token-classification': { output: 'classifier' },
        'masked-lm': {
          steps: [
            {
              ...{ ...step, path: 'vocab_transform', norm: 'vocab_layer_norm' },
              activation: read.activation('activation', 'gelu'),
            },
          ],
          output: 'vocab_projector',
        },
      },
      names: {
        prefix: 'distilbert',
        layers: 'transformer.layer',
        query: 'attention.q_lin',
        key: 'attention.k_lin',
        value: 'attention.v_lin',
        output: 'attention.out_lin',
        up: 'ffn.lin1',
        down: 'ffn.lin2',
        norms: { attentionOut: 'sa_layer_norm', mlpOut: 'output_layer_norm' },
      },
    }
  },
})
