import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { AFTER_NORMS } from '../decoder/names.js'
import { rmsNorm } from '../parts/norm.js'
import { widthUnlike } from './gguf-limits.js'

/** OLMo 2: norms behind the branches, and over all queries and all keys. */
export const olmo2 = decoderFamily({
  names: ['Olmo2ForCausalLM'],
  modelTypes: ['olmo2'],
  revision: 2,
  choose(read, { headSize, positions }) {
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-5))
    const bias = read.flag('attention_bias')
    const rope = readRope(read, { headSize, positions })
    return {
      norm,
      attention: { bias, outputBias: bias, rope, headNorm: { over: 'all', norm } },
      names: { norms: AFTER_NORMS },
    }
  },
  gguf: { architecture: 'olmo2', output: 'own matrix', refuses: widthUnlike },
  onnxModelTypes: ['olmo2'],
})
