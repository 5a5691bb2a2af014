import { readUpperWindows } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { widthUnlike, withoutWindows } from './gguf-limits.js'

/** Qwen 2 and 2.5: biases of queries, keys and values; windows on the upper layers, where they are switched on. */
export const qwen2 = decoderFamily({
  names: ['Qwen2ForCausalLM'],
  modelTypes: ['qwen2'],
  revision: 2,
  defaults: { max_position_embeddings: 32768 },
  choose(read, { headSize, positions, layers }) {
    const windows = readUpperWindows(read, { layers, positions })
    const rope = readRope(read, { headSize, positions })
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-6)),
      attention: (index) => ({ bias: true, rope, window: windows[index] }),
    }
  },
  gguf: {
    architecture: 'qwen2',
    refuses: widthUnlike,
    config: (read) => ({ use_sliding_window: false, ...withoutWindows(read) }),
  },
  onnxModelTypes: ['qwen2'],
})
