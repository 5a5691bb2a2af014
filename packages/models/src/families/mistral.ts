import type { ConfigReader } from '../config/config-reader.js'
import { readEveryWindow } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import type { Sizes } from '../config/read-sizes.js'
import { type DecoderChoices, decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** Mistral: Llama with a sliding window. */
export const mistral = decoderFamily({
  names: ['MistralForCausalLM'],
  modelTypes: ['mistral'],
  revision: 2,
  defaults: { max_position_embeddings: 131072, num_key_value_heads: 8 },
  choose: mistralChoices,
  gguf: {
    architecture: 'llama',
    turnsNeighbours: true,
    biases: 'optional',
    ropeFactors: ['llama3', 'longrope'],
  },
  onnxModelTypes: ['mistral'],
})

export function mistralChoices(read: ConfigReader, { headSize, positions, layers }: Sizes): DecoderChoices {
  const windows = readEveryWindow(read, { layers, positions }, 4096)
  const rope = readRope(read, { headSize, positions })
  return {
    norm: rmsNorm(read.number('rms_norm_eps', 1e-6)),
    attention: (index) => ({ rope, window: windows[index] }),
  }
}
