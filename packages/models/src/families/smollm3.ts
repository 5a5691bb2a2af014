import { readLayerKinds, readWindows } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** SmolLM 3: every fourth layer does not turn. */
export const smollm3 = decoderFamily({
  names: ['SmolLM3ForCausalLM'],
  modelTypes: ['smollm3'],
  revision: 2,
  defaults: { max_position_embeddings: 32768, num_key_value_heads: 4, tie_word_embeddings: true },
  choose(read, { headSize, positions, layers }) {
    const interval = read.number('no_rope_layer_interval', 4)
    const { no_rope_layers: listed } = read.json
    const turns = (index: number) =>
      Array.isArray(listed) ? listed[index] !== 0 : (index + 1) % interval !== 0
    const slides = read.flag('use_sliding_window')
    const kinds = readLayerKinds(read, layers, (index) => slides && !turns(index))
    const windows = slides ? readWindows(read, kinds, positions) : []
    const rope = readRope(read, { headSize, positions, theta: 2e6 })
    const bias = read.flag('attention_bias')
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-6)),
      attention: (index) => ({
        ...{ bias, outputBias: bias, window: windows[index] },
        rope: turns(index) ? rope : undefined,
      }),
      mlp: { bias: read.flag('mlp_bias') },
    }
  },
  gguf: {
    architecture: 'smollm3',
    turnsNeighbours: true,
    refuses: ({ layers }) =>
      layers.every(({ attention }, index) => (attention.rope === undefined) === ((index + 1) % 4 === 0))
        ? undefined
        : 'not every fourth layer is the one that does not turn',
  },
  onnxModelTypes: ['smollm3'],
})
