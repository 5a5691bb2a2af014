import { readLayerKinds, readWindows, slidesUnlessEvery } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { fourthUnlike } from './gguf-limits.js'

/** Cohere Command R7B and A: three layers of four have a window, and only these turn. */
export const cohere2 = decoderFamily({
  names: ['Cohere2ForCausalLM'],
  modelTypes: ['cohere2'],
  revision: 2,
  defaults: { max_position_embeddings: 8192, tie_word_embeddings: true, head_dim: null },
  choose(read, { headSize, positions, layers }) {
    const kinds = readLayerKinds(read, layers, slidesUnlessEvery(read.size('sliding_window_pattern', 4)))
    const windows = readWindows(read, kinds, positions, 4096)
    const bias = read.flag('attention_bias')
    const rope = readRope(read, { headSize, positions, theta: 5e5, order: 'pairs' })
    return {
      norm: layerNorm(read.number('layer_norm_eps', 1e-5), { bias: false }),
      residual: { kind: 'parallel' },
      attention: (index) => ({
        ...{ bias, outputBias: bias, window: windows[index] },
        rope: kinds[index] === 'sliding_attention' ? rope : undefined,
      }),
      output: { scale: read.number('logit_scale', 0.0625) },
      names: { norms: { attentionIn: 'input_layernorm' } },
    }
  },
  gguf: {
    architecture: 'cohere2',
    output: 'token table',
    metadata: ({ layers, output, maxPositions }) => ({
      logit_scale: { f32: output.scale! },
      // The key must be there; where nothing slides, all positions are in it.
      'attention.sliding_window': {
        u32: layers.find(({ attention }) => attention.window)?.attention.window ?? maxPositions,
      },
    }),
    refuses: (config) => fourthUnlike(config, 'without a window'),
  },
  onnxModelTypes: ['cohere2'],
})
