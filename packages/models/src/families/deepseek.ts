import { readObject } from '@hfquant/core'
import { type ConfigReader, invalidField } from '../config/config-reader.js'
import { readGroups, readRouting } from '../config/read-experts.js'
import { readRope } from '../config/read-rope.js'
import type { Sizes } from '../config/read-sizes.js'
import type { AttentionChoice, ExpertsChoice } from '../decoder/decoder-config.js'
import { type DecoderChoices, decoderFamily } from '../decoder/decoder-family.js'
import { rmsNorm } from '../parts/norm.js'
import { type Rope, yarnAmplitude } from '../parts/rope.js'
import type { Routing } from '../parts/routing.js'
import { DEEPSEEK_GGUF } from './deepseek-gguf.js'

/** DeepSeek V2 (DeepSeek-AI 2024): latent attention, and experts behind the first layers. */
export const deepseekV2 = decoderFamily({
  names: ['DeepseekV2ForCausalLM'],
  modelTypes: ['deepseek_v2'],
  revision: 1,
  defaults: {
    ...{
      max_position_embeddings: 2048,
      n_routed_experts: 64,
      n_shared_experts: 2,
      moe_intermediate_size: 1407,
    },
    ...{ q_lora_rank: 1536, kv_lora_rank: 512 },
    ...{ qk_nope_head_dim: 128, qk_rope_head_dim: 64, v_head_dim: 128 },
  },
  choose(read, sizes) {
    read.only('scoring_func', 'softmax', 'this version scores experts by softmax')
    read.only('moe_layer_freq', 1, 'every layer behind the first ones has experts')
    const method = read.text('topk_method', 'greedy')
    if (method !== 'greedy' && method !== 'group_limited_greedy') {
      throw invalidField('topk_method', method, '"greedy" or "group_limited_greedy"')
    }
    const routing = readRouting(read, ['n_routed_experts', 'num_local_experts'], {
      // norm_topk_prob of this version is ignored in Python, too.
      ...{ scores: 'softmax', normalize: false, scale: read.number('routed_scaling_factor', 1) },
    })
    const groups = method === 'greedy' ? undefined : readGroups(read, routing.count, 'max')
    const bias = read.flag('mlp_bias')
    return choicesOf(read, sizes, {
      ...{ order: 'pairs', bias, first: read.number('first_k_dense_replace', 0) },
      experts: { ...routing, routing: { ...routing.routing, groups } },
    })
  },
  gguf: DEEPSEEK_GGUF,
})

/** DeepSeek V3 and R1 (DeepSeek-AI 2024): experts are chosen by σ, with a bias that their weights do not have. */
export const deepseekV3 = decoderFamily({
  names: ['DeepseekV3ForCausalLM'],
  modelTypes: ['deepseek_v3'],
  revision: 1,
  defaults: {
    ...{ max_position_embeddings: 4096, num_experts_per_tok: 8 },
    ...{ n_routed_experts: 256, n_shared_experts: 1, moe_intermediate_size: 2048, n_group: 8, topk_group: 4 },
    ...{ q_lora_rank: 1536, kv_lora_rank: 512 },
    ...{ qk_nope_head_dim: 128, qk_rope_head_dim: 64, v_head_dim: 128 },
  },
  choose(read, sizes) {
    read.only('scoring_func', 'sigmoid', 'this version scores experts by the logistic function')
    read.only('topk_method', 'noaux_tc', 'this version chooses experts with a bias')
    read.only('moe_layer_freq', 1, 'every layer behind the first ones has experts')
    const { count, routing } = readRouting(read, ['n_routed_experts', 'num_local_experts'], {
      ...{ scores: 'sigmoid', normalize: read.flag('norm_topk_prob', true) },
      ...{ scale: read.number('routed_scaling_factor', 2.5), bias: 'e_score_correction_bias' },
    })
    return choicesOf(read, sizes, {
      order: read.flag('rope_interleave', true) ? 'pairs' : 'half',
      ...{ bias: false, first: read.number('first_k_dense_replace', 3) },
      experts: { count, routing: { ...routing, groups: readGroups(read, count, 'two-best') } },
    })
  },
  gguf: DEEPSEEK_GGUF,
  onnxModelTypes: ['deepseek_v3'],
})

interface Version {
  readonly order: Rope['order']
  /** Of MLPs. */
  readonly bias: boolean
  readonly experts: ExpertsChoice & { readonly routing: Routing }
  /** The first layer with experts. */
  readonly first: number
}

function choicesOf(read: ConfigReader, sizes: Sizes, version: Version): DecoderChoices {
  const { bias, experts, first } = version
  const inner = read.size('moe_intermediate_size')
  const shared = { inner: read.size('n_shared_experts') * inner }
  const attention = readAttention(read, sizes, version)
  return {
    norm: rmsNorm(read.number('rms_norm_eps', 1e-6)),
    attention,
    mlp: (index) =>
      index < first ? { inner: sizes.inner, bias } : { inner, bias, experts: { ...experts, shared } },
    names: { sharedExpert: 'mlp.shared_experts' },
  }
}

function readAttention(
  read: ConfigReader,
  { positions }: Sizes,
  { order }: Version,
): Partial<AttentionChoice> {
  const rank = read.size('kv_lora_rank')
  const [still, turned] = [read.size('qk_nope_head_dim'), read.size('qk_rope_head_dim')]
  const value = read.size('v_head_dim')
  if (value > still + turned)
    throw invalidField('v_head_dim', value, `at most ${still + turned}, the size of a key`)
  const rope = readRope(read, { headSize: turned, positions, order })
  const bias = read.flag('attention_bias')
  return {
    ...{ bias, outputBias: bias, rope, kvHeads: 1, headSize: rank + turned },
    scale: (still + turned) ** -0.5 * readSharpness(read, rope),
    latent: {
      ...{ rank, still, turned, value, norm: rmsNorm(1e-6) },
      queryRank: read.has('q_lora_rank') ? read.size('q_lora_rank') : undefined,
    },
  }
}

/** What scores are multiplied with besides where positions are stretched. */
function readSharpness(read: ConfigReader, { scaling }: Rope): number {
  if (scaling.type !== 'yarn') return 1
  const older = readObject(read.json, 'rope_scaling', {})
  const settings = Object.keys(older).length > 0 ? older : readObject(read.json, 'rope_parameters', {})
  const all = Number(settings.mscale_all_dim ?? 0)
  return all === 0 ? 1 : yarnAmplitude(scaling.factor, all) ** 2
}
