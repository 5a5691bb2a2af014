import { type ConfigReader, invalidField } from '../config/config-reader.js'
import { readLayerKinds, readWindows, slidesUnlessEvery } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { fourthUnlike } from './gguf-limits.js'

/** SmolLM 3: every fourth layer does not turn. */
export const smollm3 = decoderFamily({
  names: ['SmolLM3ForCausalLM'],
  modelTypes: ['smollm3'],
  revision: 2,
  defaults: { max_position_embeddings: 32768, num_key_value_heads: 4, tie_word_embeddings: true },
  choose(read, { headSize, positions, layers }) {
    const turns = readTurning(read, layers)
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
    refuses: (config) => fourthUnlike(config, 'that does not turn'),
  },
  onnxModelTypes: ['smollm3'],
})

/** Whether a layer turns: as `no_rope_layers` says, where 0 stands for one that does not, or by an interval. */
function readTurning(read: ConfigReader, layers: number): (index: number) => boolean {
  const { no_rope_layers: listed } = read.json
  if (listed === undefined || listed === null) {
    return slidesUnlessEvery(read.size('no_rope_layer_interval', 4))
  }
  const isList = Array.isArray(listed) && listed.length >= layers
  if (isList && listed.every((turns) => turns === 0 || turns === 1)) return (index) => listed[index] === 1
  throw invalidField('no_rope_layers', listed, `a list with 0 or 1 for each of ${layers} layers`)
}
