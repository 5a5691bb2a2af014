import { readLayerKinds, readWindows } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** Mistral: Llama with a sliding window. */
export const mistral = decoderFamily({
  names: ['MistralForCausalLM'],
  modelTypes: ['mistral'],
  revision: 2,
  defaults: { max_position_embeddings: 131072, num_key_value_heads: 8 },
  choose(read, { headSize, positions, layers }) {
    const windows = readWindows(
      read,
      readLayerKinds(read, layers, () => true),
      positions,
      4096,
    )
    const rope = readRope(read, { headSize, positions })
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-6)),
      attention: (index) => ({ rope, window: windows[index] }),
    }
  },
  gguf: {
    architecture: 'llama',
    turnsNeighbours: true,
    biases: 'optional',
    ropeFactors: ['llama3', 'longrope'],
  },
  onnxModelTypes: ['mistral'],
})
