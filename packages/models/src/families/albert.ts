import { MAX_LAYERS } from '../config/read-sizes.js'
import { encoderFamily } from '../encoder/encoder-family.js'
import { layerNorm } from '../parts/norm.js'

/** ALBERT (Lan et al. 2020): groups of layers that are run over and over, and narrow tables. */
export const albert = encoderFamily({
  classes: ['Albert'],
  modelTypes: ['albert'],
  onnxModelTypes: ['albert'],
  onnxTasks: ['hidden-states', 'sequence-classification', 'masked-lm'],
  revision: 1,
  defaults: { max_position_embeddings: 512, type_vocab_size: 2, hidden_act: 'gelu_new' },
  choose(read, sizes) {
    const { hidden, layers } = sizes
    const groups = read.size('num_hidden_groups', 1)
    // All of them are run, one behind the other.
    const inner = read.size('inner_group_num', 1, Math.floor(MAX_LAYERS / layers))
    const size = read.size('embedding_size', 128)
    const pooled = { inner: hidden, bias: true, activation: 'tanh' } as const
    return {
      norm: layerNorm(read.number('layer_norm_eps', 1e-12)),
      tokens: { size },
      depth: layers * inner,
      layers(index) {
        const group = Math.floor((Math.floor(index / inner) * groups) / layers)
        return { storedAs: `${group}.albert_layers.${index % inner}` }
      },
      pooler: { ...pooled, path: 'pooler' },
      heads: {
        'sequence-classification': { steps: [{ ...pooled, path: 'albert.pooler' }], output: 'classifier' },
        'token-classification': { output: 'classifier' },
        'masked-lm': {
          steps: [
            {
              ...{ path: 'predictions.dense', norm: 'predictions.LayerNorm', inner: size, bias: true },
              activation: read.activation('hidden_act', 'gelu_new'),
            },
          ],
          output: 'predictions.decoder',
          bias: 'predictions.bias',
        },
      },
      names: {
        prefix: 'albert',
        projectIn: 'encoder.embedding_hidden_mapping_in',
        layers: 'encoder.albert_layer_groups',
        query: 'attention.query',
        key: 'attention.key',
        value: 'attention.value',
        output: 'attention.dense',
        up: 'ffn',
        down: 'ffn_output',
        norms: { attentionOut: 'attention.LayerNorm', mlpOut: 'full_layer_layer_norm' },
      },
    }
  },
})
