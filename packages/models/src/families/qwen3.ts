import { readUpperWindows } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { type DecoderFamily, decoderFamily } from '../decoder/decoder-family.js'
import { embeddingFamily } from '../decoder/embedding-family.js'
import { rmsNorm } from '../parts/norm.js'
import { withoutWindows } from './gguf-limits.js'

/** Qwen 3: norms of queries and keys, head by head. */
const family: DecoderFamily = {
  names: ['Qwen3ForCausalLM'],
  modelTypes: ['qwen3'],
  revision: 2,
  defaults: { max_position_embeddings: 32768, head_dim: 128 },
  choose(read, { headSize, positions, layers }) {
    const windows = readUpperWindows(read, { layers, positions })
    const rope = readRope(read, { headSize, positions })
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-6))
    const bias = read.flag('attention_bias')
    const headNorm = { over: 'head', norm } as const
    return {
      norm,
      attention: (index) => ({ bias, outputBias: bias, headNorm, rope, window: windows[index] }),
    }
  },
  gguf: {
    architecture: 'qwen3',
    config: (read) => ({ attention_bias: false, use_sliding_window: false, ...withoutWindows(read) }),
  },
  onnxModelTypes: ['qwen3'],
}

export const qwen3 = { ...decoderFamily(family), embedding: embeddingFamily(family, 'Qwen3Model') }
