import { readLayerKinds, readWindows } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** Qwen 3: norms of queries and keys, head by head. */
export const qwen3 = decoderFamily({
  names: ['Qwen3ForCausalLM'],
  modelTypes: ['qwen3'],
  revision: 2,
  defaults: { max_position_embeddings: 32768, head_dim: 128 },
  choose(read, { headSize, positions, layers }) {
    const slides = read.flag('use_sliding_window')
    const first = read.number('max_window_layers', 28)
    const kinds = readLayerKinds(read, layers, (index) => slides && index >= first)
    const windows = slides ? readWindows(read, kinds, positions, 4096) : []
    const rope = readRope(read, { headSize, positions })
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-6))
    const bias = read.flag('attention_bias')
    const headNorm = { over: 'head', norm } as const
    return {
      norm,
      attention: (index) => ({ bias, outputBias: bias, headNorm, rope, window: windows[index] }),
    }
  },
  gguf: { architecture: 'qwen3' },
  onnxModelTypes: ['qwen3'],
})
