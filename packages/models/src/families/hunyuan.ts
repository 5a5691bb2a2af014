import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** Hunyuan, dense: norms of queries and keys behind their rotation. */
export const hunyuan = decoderFamily({
  names: ['HunYuanDenseV1ForCausalLM'],
  modelTypes: ['hunyuan_v1_dense'],
  revision: 1,
  choose(read, { headSize, positions }) {
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-5))
    const bias = read.flag('attention_bias')
    return {
      norm,
      attention: {
        ...{ bias, outputBias: bias, rope: readRope(read, { headSize, positions }) },
        headNorm: { over: 'head', norm, afterRope: true },
      },
      names: { queryNorm: 'self_attn.query_layernorm', keyNorm: 'self_attn.key_layernorm' },
    }
  },
  gguf: { architecture: 'hunyuan-dense' },
  onnxModelTypes: ['hunyuan_v1_dense'],
})
