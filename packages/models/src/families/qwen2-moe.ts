import { readRouting, readSparseLayers } from '../config/read-experts.js'
import { readLayerKinds, readWindows } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { unlikeRouting, widthUnlike } from './gguf-limits.js'

/** Qwen 1.5 and 2 with experts: one that every token meets stands beside the chosen ones, behind a gate. */
export const qwen2Moe = decoderFamily({
  names: ['Qwen2MoeForCausalLM'],
  modelTypes: ['qwen2_moe'],
  revision: 1,
  defaults: {
    ...{ max_position_embeddings: 32768, num_experts: 60, num_experts_per_tok: 4 },
    ...{ moe_intermediate_size: 1408, shared_expert_intermediate_size: 5632 },
  },
  choose(read, { headSize, positions, layers, inner }) {
    const slides = read.flag('use_sliding_window')
    const first = read.number('max_window_layers', 28)
    const kinds = readLayerKinds(read, layers, (index) => slides && index < first && index % 2 === 0)
    const windows = slides ? readWindows(read, kinds, positions, 4096) : []
    const rope = readRope(read, { headSize, positions })
    const isSparse = readSparseLayers(read)
    const experts = readRouting(read, ['num_local_experts', 'num_experts'], {
      ...{ scores: 'softmax', normalize: read.flag('norm_topk_prob') },
    })
    const shared = { inner: read.size('shared_expert_intermediate_size'), gate: true }
    const expertInner = read.size('moe_intermediate_size')
    return {
      norm: rmsNorm(read.number('rms_norm_eps', 1e-6)),
      attention: (index) => ({ bias: read.flag('qkv_bias', true), rope, window: windows[index] }),
      mlp: (index) => (isSparse(index) ? { inner: expertInner, experts: { ...experts, shared } } : { inner }),
    }
  },
  gguf: {
    architecture: 'qwen2moe',
    refuses: (config) => unlikeRouting(config, { normalize: false }) ?? widthUnlike(config),
  },
  onnxModelTypes: ['qwen2_moe'],
})
