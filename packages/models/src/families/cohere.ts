import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'

/** Cohere Command R: attention and MLP side by side, norms without biases, neighbours turned. */
export const cohere = decoderFamily({
  names: ['CohereForCausalLM'],
  modelTypes: ['cohere'],
  revision: 2,
  defaults: { max_position_embeddings: 8192, tie_word_embeddings: true, head_dim: null },
  choose(read, { headSize, positions }) {
    const norm = layerNorm(read.number('layer_norm_eps', 1e-5), { bias: false })
    const bias = read.flag('attention_bias')
    const rope = readRope(read, { headSize, positions, theta: 5e5, order: 'pairs' })
    return {
      norm,
      residual: { kind: 'parallel' },
      attention: {
        ...{ bias, outputBias: bias, rope },
        ...(read.flag('use_qk_norm') && { headNorm: { over: 'each', norm } }),
      },
      output: { scale: read.number('logit_scale', 0.0625) },
      names: { norms: { attentionIn: 'input_layernorm' } },
    }
  },
  gguf: {
    architecture: 'command-r',
    output: 'token table',
    metadata: ({ output }) => ({ logit_scale: { f32: output.scale! } }),
    refuses: ({ layers }) =>
      layers[0]!.attention.headNorm !== undefined && layers.length < 64
        ? 'it has norms of queries and keys in fewer than 64 layers'
        : undefined,
  },
  onnxModelTypes: ['cohere'],
})
