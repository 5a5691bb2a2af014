import { readEveryWindow } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { widthUnlike } from './gguf-limits.js'

/** Phi 3, 3.5, 4 and 4 mini: queries, keys and values in one matrix, gate and up in another, longrope. */
export const phi3 = decoderFamily({
  names: ['Phi3ForCausalLM'],
  modelTypes: ['phi3'],
  revision: 2,
  defaults: { max_position_embeddings: 4096 },
  choose(read, { headSize, positions, layers }) {
    const windows = readEveryWindow(read, { layers, positions })
    const rope = readRope(read, { headSize, positions })
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-5)),
      attention: (index) => ({ projections: 'concatenated', rope, window: windows[index] }),
      mlp: { kind: 'fused' },
    }
  },
  gguf: {
    architecture: 'phi3',
    ropeFactors: ['longrope'],
    refuses: widthUnlike,
  },
  onnxModelTypes: ['phi3'],
})
