import type { JsonObject } from '@hfquant/core'
import { expect, test } from 'vitest'
import { describeModel } from '../architecture/registry.js'
import { families } from './index.js'

/** What the configuration classes of transformers 5.18 have where a file says nothing; BLOOM has no such field. */
const POSITIONS = {
  albert: 512,
  apertus: 65536,
  arcee: 4096,
  bert: 512,
  bloom: 2048,
  cohere: 8192,
  cohere2: 8192,
  'deberta-v2': 512,
  deepseek_v2: 2048,
  deepseek_v3: 4096,
  distilbert: 512,
  electra: 512,
  ernie4_5: 131072,
  exaone4: 2048,
  falcon: 2048,
  gemma: 8192,
  gemma2: 8192,
  gemma3_text: 131072,
  gemma4_text: 131072,
  glm: 131072,
  glm4: 131072,
  glm4_moe: 131072,
  gpt2: 1024,
  gpt_bigcode: 1024,
  gpt_neo: 2048,
  gpt_neox: 2048,
  gpt_oss: 131072,
  gptj: 2048,
  granite: 2048,
  granitemoe: 2048,
  granitemoehybrid: 2048,
  helium: 4096,
  hunyuan_v1_dense: 2048,
  llama: 2048,
  ministral: 131072,
  ministral3: 262144,
  mistral: 131072,
  mixtral: 131072,
  modernbert: 8192,
  mpnet: 512,
  nemotron: 4096,
  nomic_bert: 2048,
  olmo: 2048,
  olmo2: 2048,
  olmo3: 2048,
  olmoe: 4096,
  opt: 2048,
  phi: 2048,
  phi3: 4096,
  qwen2: 32768,
  qwen2_moe: 32768,
  qwen3: 32768,
  qwen3_moe: 32768,
  roberta: 512,
  seed_oss: 524288,
  smollm3: 32768,
  stablelm: 4096,
  starcoder2: 4096,
}

const sizes = {
  hidden_size: 1024,
  intermediate_size: 128,
  ffn_dim: 128,
  num_hidden_layers: 4,
  num_attention_heads: 16,
  num_key_value_heads: 16,
  head_dim: 64,
  vocab_size: 128,
}
const factsOf = async (config: JsonObject) =>
  (await describeModel({ ...sizes, ...config }, async () => ({}))).facts

test('every family has the positions of its class', async () => {
  const types = families.map(({ modelTypes: [type = ''] }) => type)
  expect(types.sort()).toEqual(Object.keys(POSITIONS).sort())
  // What two of the classes have for these fields is refused.
  const needed = { layer_types: Array(4).fill('full_attention'), num_experts_per_tok: 2 }
  for (const [model_type, positions] of Object.entries(POSITIONS)) {
    const { maxPositions } = await factsOf({ ...needed, model_type })
    expect([model_type, maxPositions]).toEqual([model_type, positions])
  }
})

test('EXAONE 4 has a window unless null switches it off', async () => {
  const config = { model_type: 'exaone4', max_position_embeddings: 8192 }
  const windows = async (change: JsonObject) =>
    (await factsOf({ ...config, ...change })).layers.map((layer) => layer.kind === 'kv' && layer.window)
  expect(await windows({})).toEqual([4096, 4096, 4096, undefined])
  expect(await windows({ sliding_window: null })).toEqual(Array(4).fill(undefined))
})
