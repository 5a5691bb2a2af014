import { readLayerKinds, readWindows, slidesUnlessEvery } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { AFTER_NORMS } from '../decoder/names.js'
import { rmsNorm } from '../parts/norm.js'
import { widthUnlike, windowMetadata } from './gguf-limits.js'

/** OLMo 3: OLMo 2 with a window on three layers of four. */
export const olmo3 = decoderFamily({
  names: ['Olmo3ForCausalLM'],
  modelTypes: ['olmo3'],
  revision: 2,
  choose(read, { headSize, positions, layers }) {
    const kinds = readLayerKinds(read, layers, slidesUnlessEvery(4))
    const windows = readWindows(read, kinds, positions, 4096)
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-5))
    const bias = read.flag('attention_bias')
    const ropes = {
      full_attention: readRope(read, { headSize, positions, theta: 5e5, kind: 'full_attention' }),
      sliding_attention: readRope(read, { headSize, positions, theta: 5e5, kind: 'sliding_attention' }),
    }
    return {
      norm,
      attention: (index) => ({
        ...{ bias, outputBias: bias, headNorm: { over: 'all', norm } },
        rope: ropes[kinds[index]!],
        window: windows[index],
      }),
      names: { norms: AFTER_NORMS },
    }
  },
  gguf: {
    architecture: 'olmo2',
    output: 'own matrix',
    metadata: ({ layers }) => windowMetadata(layers),
    refuses: widthUnlike,
  },
  onnxModelTypes: ['olmo3'],
})
