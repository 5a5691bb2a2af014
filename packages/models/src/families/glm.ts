import type { ConfigReader } from '../config/config-reader.js'
import { readRope } from '../config/read-rope.js'
import type { Sizes } from '../config/read-sizes.js'
import { type DecoderChoices, decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { widthUnlike } from './gguf-limits.js'

/** GLM 4 of 2024: gate and up in one matrix, half of each head turned by neighbours. */
export const glm = decoderFamily({
  names: ['GlmForCausalLM'],
  modelTypes: ['glm'],
  revision: 2,
  defaults: { max_position_embeddings: 131072, head_dim: 128, num_key_value_heads: 2 },
  choose: glmChoices,
  gguf: { architecture: 'chatglm', refuses: widthUnlike },
  onnxModelTypes: ['glm'],
})

export function glmChoices(read: ConfigReader, { headSize, positions }: Sizes): DecoderChoices {
  const rope = readRope(read, { headSize, positions, partial: 0.5, order: 'pairs' })
  return {
    norm: rmsNorm(read.number('rms_norm_eps', 1.5625e-7)),
    attention: { bias: read.flag('attention_bias', true), rope },
    mlp: { kind: 'fused' },
  }
}
