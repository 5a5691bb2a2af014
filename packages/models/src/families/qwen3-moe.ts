import { readRouting, readSparseLayers } from '../config/read-experts.js'
import { readWindows } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { unlikeRouting, withoutWindows } from './gguf-limits.js'

/** Qwen 3 with experts in some layers, or all. */
export const qwen3Moe = decoderFamily({
  names: ['Qwen3MoeForCausalLM'],
  modelTypes: ['qwen3_moe'],
  revision: 1,
  defaults: {
    ...{ max_position_embeddings: 32768, num_experts: 128, num_experts_per_tok: 8 },
    moe_intermediate_size: 768,
  },
  choose(read, { headSize, positions, layers, inner }) {
    const slides = read.flag('use_sliding_window')
    const windows = slides
      ? readWindows(read, new Array(layers).fill('sliding_attention'), positions, 4096)
      : []
    const rope = readRope(read, { headSize, positions })
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-6))
    const bias = read.flag('attention_bias')
    const headNorm = { over: 'head', norm } as const
    const isSparse = readSparseLayers(read)
    const experts = readRouting(read, ['num_local_experts', 'num_experts'], {
      ...{ scores: 'softmax', normalize: read.flag('norm_topk_prob') },
    })
    const expertInner = read.size('moe_intermediate_size')
    return {
      norm,
      attention: (index) => ({ bias, outputBias: bias, headNorm, rope, window: windows[index] }),
      mlp: (index) => (isSparse(index) ? { inner: expertInner, experts } : { inner }),
    }
  },
  gguf: {
    architecture: 'qwen3moe',
    refuses: (config) => unlikeRouting(config, { normalize: true }),
    config: (read) => ({
      ...{ attention_bias: false, use_sliding_window: false },
      ...withoutWindows(read),
      ...{ decoder_sparse_step: 1, mlp_only_layers: [], norm_topk_prob: true },
      num_experts: read.count('expert_count'),
      num_experts_per_tok: read.count('expert_used_count'),
      moe_intermediate_size: read.count('expert_feed_forward_length'),
    }),
  },
  onnxModelTypes: ['qwen3_moe'],
})
