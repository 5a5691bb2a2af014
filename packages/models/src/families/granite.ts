import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { GRANITE_GGUF } from './granite-gguf.js'

/** Granite: Llama with a multiplier of embeddings, branches, scores and logits. */
export const granite = decoderFamily({
  names: ['GraniteForCausalLM'],
  modelTypes: ['granite'],
  revision: 2,
  choose(read, { headSize, positions }) {
    const bias = read.flag('attention_bias')
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-6)),
      residual: { kind: 'pre', multiplier: read.number('residual_multiplier', 1) },
      attention: {
        ...{ bias, outputBias: bias, rope: readRope(read, { headSize, positions }) },
        scale: read.number('attention_multiplier', 1),
      },
      mlp: { bias: read.flag('mlp_bias') },
      input: { scale: read.number('embedding_multiplier', 1) },
      output: { scale: 1 / read.number('logits_scaling', 1) },
    }
  },
  gguf: GRANITE_GGUF,
  onnxModelTypes: ['granite'],
})
