import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'

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
    names: {
      base: 'transformer',
      embedding: 'word_embeddings',
      embeddingNorm: 'word_embeddings_layernorm',
      layers: 'h',
      finalNorm: 'ln_f',
      projections: 'self_attention.query_key_value',
      output: 'self_attention.dense',
      up: 'mlp.dense_h_to_4h',
      down: 'mlp.dense_4h_to_h',
    },
  }),
  gguf: {
    architecture: 'bloom',
    activation: 'gelu',
    biases: 'always',
    refuses: ({ residual }) => (residual.ofNormed ? 'branches are added to their normed inputs' : undefined),
  },
  onnxModelTypes: ['bloom'],
})
