import type { AttentionChoice, DecoderConfig, LatentChoice } from '../decoder/decoder-config.js'
import type { DecoderGguf } from '../decoder/gguf-of-decoder.js'
import type { GgufValue } from '../gguf/gguf-model.js'

/** How llama.cpp knows DeepSeek V2 and V3: attention has one key/value head, which is the latent. */
export const DEEPSEEK_GGUF: DecoderGguf = {
  architecture: 'deepseek2',
  tensors({ layers: [layer] }) {
    const { still, value } = layer!.attention.latent!
    const sizes = [still, value]
    return {
      'self_attn.q_a_proj.weight': 'attn_q_a.weight',
      'self_attn.q_a_layernorm.weight': 'attn_q_a_norm.weight',
      'self_attn.q_b_proj.weight': 'attn_q_b.weight',
      'self_attn.kv_a_proj_with_mqa.weight': 'attn_kv_a_mqa.weight',
      'self_attn.kv_a_layernorm.weight': 'attn_kv_a_norm.weight',
      // Queries are multiplied with the matrices of the keys, results with those of the values.
      'self_attn.kv_b_proj.weight': [
        { name: 'attn_k_b.weight', rows: { sizes, part: 0, matrices: 'transposed' } },
        { name: 'attn_v_b.weight', rows: { sizes, part: 1, matrices: 'plain' } },
      ],
    }
  },
  // The scale follows from the keys of the head and of the rope.
  scoreSize: ({ layers: [layer] }) => layer!.attention.scale! ** -2,
  metadata: (config) => {
    const { attention } = config.layers[0]!
    return { ...latentMetadata(attention, attention.latent!), ...routingMetadata(config) }
  },
  refuses: (config) => latentObstacle(config) ?? routingObstacle(config),
  warnings: epsilonWarnings,
}

function latentMetadata(
  attention: AttentionChoice,
  { rank, still, turned, value, queryRank }: LatentChoice,
): Readonly<Record<string, GgufValue | undefined>> {
  return {
    // Of 0, the queries are made by one matrix.
    'attention.q_lora_rank': { u32: queryRank ?? 0 },
    'attention.kv_lora_rank': { u32: rank },
    'attention.value_length': { u32: rank },
    'attention.key_length_mla': { u32: still + turned },
    'attention.value_length_mla': { u32: value },
    ...yarnMetadata(attention, still + turned),
  }
}

/**
 * llama.cpp multiplies cosines and sines with `attn_factor`, and scores with (`attn_factor` · (1 + m · ln(factor)))² where the
 * multiplier m is not 0, and the same as elsewhere where it is.
 */
function yarnMetadata({ rope, scale }: AttentionChoice, size: number): Readonly<Record<string, GgufValue>> {
  if (rope?.scaling.type !== 'yarn' || rope.scaling.factor <= 1) return {}
  const { amplitude, factor } = rope.scaling
  const multiplier = (Math.sqrt(scale! * Math.sqrt(size)) / amplitude - 1) / Math.log(factor)
  if (Math.abs(multiplier) < 1e-9) return {}
  return {
    'rope.scaling.yarn_log_multiplier': { f32: multiplier },
    'rope.scaling.attn_factor': { f32: amplitude },
  }
}

function routingMetadata({ layers }: DecoderConfig): Readonly<Record<string, GgufValue>> {
  const { mlp } = layers.find(({ mlp }) => mlp.experts !== undefined) ?? {}
  const { routing, shared } = mlp?.experts ?? {}
  if (mlp === undefined || routing === undefined) return {}
  const { groups } = routing
  return {
    leading_dense_block_count: { u32: layers.filter(({ mlp }) => mlp.experts === undefined).length },
    expert_shared_count: { u32: shared!.inner / mlp.inner },
    expert_gating_func: { u32: routing.scores === 'softmax' ? 1 : 2 },
    expert_weights_scale: { f32: routing.scale ?? 1 },
    expert_weights_norm: { bool: routing.normalize },
    ...(groups && {
      expert_group_count: { u32: groups.count },
      expert_group_used_count: { u32: groups.chosen },
    }),
  }
}

/** Sizes by which llama.cpp takes queries to be made by one matrix, whatever the file says. */
const LITE_LAYERS = [26, 27]

function latentObstacle({ layers }: DecoderConfig): string | undefined {
  const { rope, latent } = layers[0]!.attention
  if (rope?.order === 'half') return 'its rotations turn halves'
  if (LITE_LAYERS.includes(layers.length) && latent!.queryRank !== undefined) {
    return `its queries are made by two matrices, in ${layers.length} layers`
  }
  return undefined
}

function epsilonWarnings({ norm, layers }: DecoderConfig): readonly string[] {
  const own = layers[0]!.attention.latent!.norm.epsilon
  if (own === norm.epsilon) return []
  return [
    `llama.cpp norms latents with the epsilon of other norms, ${norm.epsilon} in place of ${own}: logits differ a little`,
  ]
}

function routingObstacle({ layers }: DecoderConfig): string | undefined {
  const routings = layers.flatMap(({ mlp }) => mlp.experts?.routing ?? [])
  if (routings.length === 0) return 'none of its layers has experts'
  return routings.some(({ groups }) => groups?.score === 'max')
    ? 'its groups of experts are rated by their best expert alone'
    : undefined
}
