import { readGroups, readRouting } from '../config/read-experts.js'
import { readRope } from '../config/read-rope.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'

/** GLM 4.5: experts behind the first layers, chosen with a bias that their weights do not have. */
export const glm4Moe = decoderFamily({
  names: ['Glm4MoeForCausalLM'],
  modelTypes: ['glm4_moe'],
  revision: 1,
  defaults: {
    ...{ max_position_embeddings: 131072, num_experts_per_tok: 8, n_routed_experts: 128 },
    ...{ moe_intermediate_size: 1408, n_shared_experts: 1 },
  },
  choose(read, { headSize, positions, inner }) {
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-5))
    const first = read.number('first_k_dense_replace', 1)
    const expertInner = read.size('moe_intermediate_size')
    const { count, routing } = readRouting(read, 'n_routed_experts', {
      ...{ scores: 'sigmoid', normalize: read.flag('norm_topk_prob', true) },
      ...{ scale: read.number('routed_scaling_factor', 1), bias: 'e_score_correction_bias' },
    })
    const groups = readGroups(read, count, 'two-best')
    const shared = { inner: read.size('n_shared_experts') * expertInner }
    const experts = { count, routing: { ...routing, groups }, shared }
    return {
      norm,
      attention: {
        bias: read.flag('attention_bias'),
        rope: readRope(read, { headSize, positions, partial: 0.5 }),
        headNorm: read.flag('use_qk_norm') ? { over: 'head', norm } : undefined,
      },
      mlp: (index) => (index < first ? { inner } : { inner: expertInner, experts }),
      names: { sharedExpert: 'mlp.shared_experts' },
    }
  },
  gguf: {
    architecture: 'glm4moe',
    names: { mlpIn: 'post_attention_norm' },
    metadata: ({ layers }) => {
      const { count, routing } = layers.at(-1)!.mlp.experts!
      return {
        feed_forward_length: { u32: layers[0]!.mlp.inner },
        expert_gating_func: { u32: 2 },
        expert_weights_scale: { f32: routing.scale ?? 1 },
        expert_weights_norm: { bool: routing.normalize },
        leading_dense_block_count: { u32: layers.filter(({ mlp }) => mlp.experts === undefined).length },
        expert_group_count: { u32: routing.groups?.count ?? 1 },
        expert_group_used_count: { u32: routing.groups?.chosen ?? 1 },
        nextn_predict_layers: { u32: 0 },
        expert_shared_count: { u32: layers.at(-1)!.mlp.experts!.shared!.inner / layers.at(-1)!.mlp.inner },
        expert_count: { u32: count },
      }
    },
  },
})
