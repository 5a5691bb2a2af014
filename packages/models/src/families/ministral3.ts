import { readObject } from '@hfquant/core'
import { configReader } from '../config/config-reader.js'
import { readEveryWindow } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** Ministral 3: queries grow with their position beyond the length that the model was first trained for. */
export const ministral3 = decoderFamily({
  names: ['Ministral3ForCausalLM'],
  modelTypes: ['ministral3'],
  revision: 2,
  defaults: { max_position_embeddings: 262144, num_key_value_heads: 8, head_dim: 128 },
  choose(read, { headSize, positions, layers }) {
    const windows = readEveryWindow(read, { layers, positions })
    const rope = readRope(read, { headSize, positions, theta: 1e6, scaling: SCALING })
    const settings = configReader(readObject(read.json, 'rope_parameters', {}), SCALING)
    const queryGrowth = {
      beta: settings.number('llama_4_scaling_beta', 0.1),
      // Positions are divided by it as integers.
      original: settings.size('original_max_position_embeddings', 16384),
    }
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-5)),
      attention: (index) => ({ rope, queryGrowth, window: windows[index] }),
    }
  },
  gguf: {
    architecture: 'mistral3',
    turnsNeighbours: true,
    metadata: ({ layers: [layer] }) => ({
      'attention.temperature_scale': { f32: layer!.attention.queryGrowth!.beta },
    }),
    refuses({ layers: [layer] }) {
      const { rope, queryGrowth } = layer!.attention
      return rope?.scaling.type === 'yarn' && rope.scaling.originalMaxPositions === queryGrowth!.original
        ? undefined
        : 'its queries grow from another length on than that which its rope was trained for'
    },
  },
  onnxModelTypes: ['ministral3'],
})

/** What the configuration class has where a file says nothing. */
const SCALING = {
  rope_type: 'yarn',
  rope_theta: 1e6,
  factor: 16,
  original_max_position_embeddings: 16384,
  mscale: 1,
  mscale_all_dim: 1,
  llama_4_scaling_beta: 0.1,
}
