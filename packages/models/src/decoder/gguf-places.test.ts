import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { describeModel } from '../architecture/registry.js'
import type { GgufModel } from '../gguf/gguf-model.js'

async function ggufOf(golden: string, change: object = {}): Promise<GgufModel> {
  const path = new URL(`../../../../goldens/architectures/${golden}/config.json`, import.meta.url)
  const config = JSON.parse(readFileSync(fileURLToPath(path), 'utf8'))
  return (await describeModel({ ...config, ...change }, async () => ({ refused: undefined }))).gguf!()
}

/** Metadata without the name of the architecture in front. */
const keysOf = ({ metadata, architecture }: GgufModel, ...keys: string[]) =>
  Object.fromEntries(keys.map((key) => [key, metadata.get(`${architecture}.${key}`)]))

describe('Gemma 4', () => {
  test('tells heads, caches and widths by layer', async () => {
    const model = await ggufOf('gemma4_text')
    const keys = ['attention.key_length', 'attention.key_length_swa', 'attention.shared_kv_layers']
    expect(
      keysOf(model, ...keys, 'feed_forward_length', 'attention.head_count_kv', 'rope.dimension_count_swa'),
    ).toEqual({
      'attention.key_length': { u32: 16 },
      'attention.key_length_swa': { u32: 8 },
      'attention.shared_kv_layers': { u32: 2 },
      'rope.dimension_count_swa': { u32: 8 },
      feed_forward_length: { i32s: [22, 22, 22, 22, 44, 44] },
      'attention.head_count_kv': { i32s: [1, 1, 1, 1, 1, 1] },
    })
    // Of eight pairs of a large head two turn.
    expect(model.tables).toEqual([
      { name: 'rope_freqs.weight', values: Float32Array.of(1, 1, ...new Array(6).fill(1e30)) },
    ])
  })

  test('names inputs of single layers, scales of layers and of experts', async () => {
    const { places } = await ggufOf('gemma4_text')
    expect(places('model.embed_tokens_per_layer', 'weight')).toEqual([
      { name: 'per_layer_token_embd.weight' },
    ])
    expect(places('model.layers.1.per_layer_projection', 'weight')).toEqual([{ name: 'blk.1.proj.weight' }])
    expect(places('model.layers.1', 'layer_scalar')).toEqual([{ name: 'blk.1.layer_output_scale.weight' }])
    const mixture = await ggufOf('gemma4_text-moe')
    expect(mixture.places('model.layers.2.router', 'per_expert_scale')).toEqual([
      { name: 'blk.2.ffn_down_exps.scale' },
    ])
    expect(mixture.places('model.layers.2.experts.4.gate_up_proj', 'weight')).toEqual([
      { name: 'blk.2.ffn_gate_up_exps.weight', inStack: 4 },
    ])
    expect(keysOf(mixture, 'expert_count', 'expert_used_count', 'expert_feed_forward_length')).toEqual({
      expert_count: { u32: 5 },
      expert_used_count: { u32: 2 },
      expert_feed_forward_length: { u32: 12 },
    })
  })
})

describe('a matrix of gate and up projections is two tensors', () => {
  const partsOf = (sizes: readonly number[], suffix: string, inStack?: number) =>
    ['ffn_gate', 'ffn_up'].map((name, part) => ({
      name: `blk.0.${name}${suffix}`,
      rows: { sizes, part },
      ...(inStack !== undefined && { inStack }),
    }))

  test('of Granite, one behind the other: of experts, of an MLP alone, and of one beside experts', async () => {
    const experts = await ggufOf('granitemoe')
    expect(experts.places('model.layers.0.block_sparse_moe.experts.3.input_linear', 'weight')).toEqual(
      partsOf([16, 16], '_exps.weight', 3),
    )
    const alone = await ggufOf('granitemoehybrid-attention')
    expect(alone.architecture).toBe('granite')
    const path = 'model.layers.0.shared_mlp.input_linear'
    expect(alone.places(path, 'weight')).toEqual(partsOf([36, 36], '.weight'))
    const both = await ggufOf('granitemoehybrid-attention', { num_local_experts: 4, num_experts_per_tok: 2 })
    expect(both.architecture).toBe('granitemoe')
    expect(both.places(path, 'weight')).toEqual(partsOf([36, 36], '_shexp.weight'))
  })

  test('of GPT-OSS, row by row, with their biases', async () => {
    const { places } = await ggufOf('gpt_oss')
    const path = 'model.layers.0.mlp.experts.1.gate_up_proj'
    for (const key of ['weight', 'bias']) {
      expect(places(path, key)).toEqual(partsOf([1, 1], `_exps.${key}`, 1))
    }
    expect(places('model.layers.0.self_attn', 'sinks')).toEqual([{ name: 'blk.0.attn_sinks.weight' }])
  })
})

test('a Granite without rotary positions says so', async () => {
  const model = await ggufOf('granitemoehybrid-attention', { position_embedding_type: 'nope' })
  expect(keysOf(model, 'rope.scaling.finetuned')).toEqual({ 'rope.scaling.finetuned': { bool: false } })
})

describe('DeepSeek', () => {
  test('has matrices of keys and values for each head, those of keys transposed', async () => {
    const { places } = await ggufOf('deepseek_v3')
    expect(places('model.layers.0.self_attn.kv_b_proj', 'weight')).toEqual([
      { name: 'blk.0.attn_k_b.weight', rows: { sizes: [16, 16], part: 0, matrices: 'transposed' } },
      { name: 'blk.0.attn_v_b.weight', rows: { sizes: [16, 16], part: 1, matrices: 'plain' } },
    ])
    expect(places('model.layers.1.mlp.gate', 'e_score_correction_bias')).toEqual([
      { name: 'blk.1.exp_probs_b.bias' },
    ])
  })

  test.each([
    ['both scales are one', { mscale: 1, mscale_all_dim: 1 }, 1, 0.1],
    ['they differ', { mscale: 0.5, mscale_all_dim: 1 }, 0.9391, 0.1532],
    ['there is none', {}, 1.1386, -0.0878],
  ])('tells what cosines and scores are multiplied with, where %s', async (_, scales, factor, multiplier) => {
    const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32, rope_theta: 10000 }
    const model = await ggufOf('deepseek_v3', { rope_parameters: { ...yarn, ...scales } })
    const keys = keysOf(model, 'rope.scaling.attn_factor', 'rope.scaling.yarn_log_multiplier')
    expect(keys['rope.scaling.attn_factor']).toEqual({ f32: expect.closeTo(factor, 3) })
    expect(keys['rope.scaling.yarn_log_multiplier']).toEqual({ f32: expect.closeTo(multiplier, 3) })
  })

  test('warns of the epsilon that its latents share with others in llama.cpp', async () => {
    expect((await ggufOf('deepseek_v3')).warnings).toEqual([expect.stringContaining('0.002 in place of')])
    expect((await ggufOf('deepseek_v3', { rms_norm_eps: 1e-6 })).warnings).toEqual([])
  })
})
