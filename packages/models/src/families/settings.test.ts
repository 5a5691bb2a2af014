import type { JsonObject } from '@hfquant/core'
import { expect, test } from 'vitest'
import { describeModel } from '../architecture/registry.js'

const sizes = {
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  head_dim: 16,
  vocab_size: 128,
  max_position_embeddings: 512,
}
const describeWith = (model_type: string, change: JsonObject) =>
  describeModel({ ...sizes, model_type, ...change }, async () => ({}))

const yarn = { rope_type: 'yarn', rope_theta: 1e6, factor: 2 }

test.each([
  ['ministral3', { rope_parameters: { ...yarn, original_max_position_embeddings: 0.5 } }, 'FIELD_TYPE'],
  [
    'ministral3',
    { rope_parameters: { rope_type: 'default', original_max_position_embeddings: 0 } },
    'FIELD_VALUE',
  ],
  ['cohere2', { sliding_window_pattern: 0 }, 'FIELD_VALUE'],
  ['gemma3_text', { sliding_window_pattern: 0 }, 'FIELD_VALUE'],
  ['exaone4', { sliding_window_pattern: 0 }, 'FIELD_VALUE'],
  ['exaone4', { sliding_window_pattern: 'xyz' }, 'FIELD_VALUE'],
  ['exaone4', { sliding_window_pattern: '' }, 'FIELD_VALUE'],
  ['smollm3', { no_rope_layers: 'none' }, 'FIELD_VALUE'],
  ['smollm3', { no_rope_layers: [1, 1] }, 'FIELD_VALUE'],
  ['smollm3', { no_rope_layers: [1, 1, 1, 'no'] }, 'FIELD_VALUE'],
  ['smollm3', { no_rope_layer_interval: 0 }, 'FIELD_VALUE'],
  ['mixtral', { num_experts_per_tok: 9 }, 'FIELD_VALUE'],
  ['qwen3_moe', { num_experts: 0 }, 'FIELD_VALUE'],
  ['qwen2_moe', { mlp_only_layers: 'all' }, 'FIELD_VALUE'],
  ['qwen2_moe', { decoder_sparse_step: 0 }, 'FIELD_VALUE'],
  ['gpt_oss', { swiglu_limit: 5 }, 'VARIANT'],
  ['granitemoehybrid', { layer_types: ['mamba', 'attention', 'mamba', 'attention'] }, 'LAYER_TYPE'],
  ['glm4_moe', { topk_group: 2 }, 'FIELD_VALUE'],
  ['deepseek_v3', { scoring_func: 'softmax' }, 'VARIANT'],
  ['deepseek_v3', { topk_method: 'greedy' }, 'VARIANT'],
  ['deepseek_v3', { n_group: 5 }, 'FIELD_VALUE'],
  ['deepseek_v3', { v_head_dim: 1024 }, 'FIELD_VALUE'],
] as const)('%s with %j is refused', async (type, change, code) => {
  const [last = ''] = Object.keys(change)
  const field = last === 'rope_parameters' ? 'original_max_position_embeddings' : last
  await expect(describeWith(type, change as unknown as JsonObject)).rejects.toMatchObject({ code, field })
})

test('a choice of experts that DeepSeek V2 does not know is refused', async () => {
  const json = { num_experts_per_tok: 2, topk_method: 'noaux_tc' }
  await expect(describeWith('deepseek_v2', json)).rejects.toMatchObject({
    ...{ code: 'FIELD_VALUE', field: 'topk_method' },
  })
})

test('the pattern of EXAONE 4 may be letters', async () => {
  const { facts } = await describeWith('exaone4', { sliding_window: 8, sliding_window_pattern: 'LLG' })
  expect(facts.layers.map((layer) => layer.kind === 'kv' && layer.window)).toEqual([8, 8, undefined, 8])
})
