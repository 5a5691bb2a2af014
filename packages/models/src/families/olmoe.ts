import { readRouting } from '../config/read-experts.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { unlikeRouting } from './gguf-limits.js'

/** OLMoE (Muennighoff et al. 2024): experts in every layer, norms over all queries and all keys. */
export const olmoe = decoderFamily({
  names: ['OlmoeForCausalLM'],
  modelTypes: ['olmoe'],
  revision: 1,
  defaults: { max_position_embeddings: 4096, num_experts: 64, num_experts_per_tok: 8 },
  choose(read, { headSize, positions }) {
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-5))
    const bias = read.flag('attention_bias')
    const rope = readRope(read, { headSize, positions })
    return {
      norm,
      attention: {
        ...{ bias, outputBias: bias, rope, headNorm: { over: 'all', norm } },
        clip: read.cap('clip_qkv'),
      },
      mlp: {
        experts: readRouting(read, ['num_local_experts', 'num_experts'], {
          ...{ scores: 'softmax', normalize: read.flag('norm_topk_prob') },
        }),
      },
    }
  },
  gguf: {
    architecture: 'olmoe',
    refuses(config) {
      const { heads, kvHeads, clip } = config.layers[0]!.attention
      if (heads !== kvHeads) return 'several of its heads share keys and values'
      if (clip !== undefined) return 'its queries, keys and values are clipped'
      return unlikeRouting(config, { normalize: false })
    },
  },
})
