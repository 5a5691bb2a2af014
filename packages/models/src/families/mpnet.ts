import { encoderFamily } from '../encoder/encoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { robertaHeads } from './roberta.js'

/** MPNet (Song et al. 2020): learned positions counted as RoBERTa does, and a bias for ranges of distances. */
export const mpnet = encoderFamily({
  classes: ['MPNet'],
  modelTypes: ['mpnet'],
  onnxModelTypes: ['mpnet'],
  revision: 1,
  defaults: { max_position_embeddings: 512, type_vocab_size: null },
  choose(read, sizes) {
    const table = 'encoder.relative_attention_bias'
    return {
      norm: layerNorm(read.number('layer_norm_eps', 1e-12)),
      // Constants of the Python library, whatever the file says.
      tokens: { countedFrom: 1 },
      attention: { relative: { kind: 'buckets', table, count: 32, farthest: 128 } },
      ...robertaHeads(sizes.hidden),
      names: {
        prefix: 'mpnet',
        query: 'attention.attn.q',
        key: 'attention.attn.k',
        value: 'attention.attn.v',
        output: 'attention.attn.o',
        norms: { attentionOut: 'attention.LayerNorm', mlpOut: 'output.LayerNorm' },
      },
    }
  },
})
