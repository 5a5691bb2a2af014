import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { BLOOM_NAMES } from './bloom-names.js'
import { scaledActivation } from './scaled-activation.js'

/** BLOOM: linear biases in place of positions, a norm behind the token table. */
export const bloom = decoderFamily({
  names: ['BloomForCausalLM'],
  modelTypes: ['bloom'],
  revision: 1,
  defaults: { activation_function: 'gelu_new', tie_word_embeddings: true, head_dim: null },
  choose: (read) => ({
    norm: layerNorm(read.number('layer_norm_epsilon', 1e-5)),
    residual: { kind: 'pre', ofNormed: read.flag('apply_residual_connection_post_layernorm') },
    attention: { projections: 'grouped', bias: true, outputBias: true, linearBias: 1 },
    mlp: { kind: 'plain', bias: true },
    input: { norm: true },
    checkpoint: [scaledActivation('mlp.gelu_impl', 'mlp.dense_4h_to_h')],
    names: { ...BLOOM_NAMES, embeddingNorm: 'word_embeddings_layernorm' },
  }),
  gguf: {
    architecture: 'bloom',
    activation: 'gelu',
    biases: 'always',
    refuses: ({ residual }) => (residual.ofNormed ? 'branches are added to their normed inputs' : undefined),
  },
  onnxModelTypes: ['bloom'],
})
