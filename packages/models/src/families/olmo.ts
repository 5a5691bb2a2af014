import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { layerNorm } from '../parts/norm.js'
import { widthUnlike } from './gguf-limits.js'

/** OLMo: norms without parameters; queries, keys and values may be clipped. */
export const olmo = decoderFamily({
  names: ['OlmoForCausalLM'],
  modelTypes: ['olmo'],
  revision: 2,
  choose(read, { headSize, positions }) {
    const bias = read.flag('attention_bias')
    const rope = readRope(read, { headSize, positions })
    return {
      norm: layerNorm(1e-5, { weight: false }),
      attention: { bias, outputBias: bias, rope, clip: read.cap('clip_qkv') },
    }
  },
  gguf: {
    architecture: 'olmo',
    turnsNeighbours: true,
    refuses: widthUnlike,
    metadata: ({ layers: [layer] }) => ({
      ...(layer!.attention.clip !== undefined && {
        'attention.clamp_kqv': { f32: layer!.attention.clip },
      }),
    }),
  },
  onnxModelTypes: ['olmo'],
})
