import { readNumber } from '@hfquant/core'
import { type ConfigReader, invalidField } from '../config/config-reader.js'
import { type RopeDefaults, readRope, ropeSettings, ropeType } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import type { Rope } from '../parts/rope.js'

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
        ...{ bias, outputBias: bias, rope: readStretched(read, { headSize, positions }) },
        headNorm: { over: 'head', norm, afterRope: true },
      },
      names: { queryNorm: 'self_attn.query_layernorm', keyNorm: 'self_attn.key_layernorm' },
    }
  },
  gguf: { architecture: 'hunyuan-dense' },
  onnxModelTypes: ['hunyuan_v1_dense'],
})

/** Dynamic ropes of this family have a base that is stretched by `alpha`, whatever the length of a sequence. */
function readStretched(read: ConfigReader, defaults: RopeDefaults): Rope {
  const rope = readRope(read, defaults)
  const settings = ropeSettings(read)
  const alpha = readNumber(settings, 'alpha', 0)
  if (ropeType(settings) !== 'dynamic' || alpha === 0) return rope
  if (alpha < 0) throw invalidField('alpha', alpha, 'a positive number')
  return { ...rope, theta: rope.theta * alpha ** (rope.width / (rope.width - 2)) }
}
