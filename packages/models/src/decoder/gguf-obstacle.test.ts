import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { describeModel } from '../architecture/registry.js'

const nowhere = async () => ({ refused: undefined })

/** How llama.cpp knows the model of a golden folder with another config.json. */
async function ggufOf(golden: string, change: object) {
  const path = new URL(`../../../../goldens/architectures/${golden}/config.json`, import.meta.url)
  const config = JSON.parse(readFileSync(fileURLToPath(path), 'utf8'))
  return (await describeModel({ ...config, ...change }, nowhere)).gguf!()
}

const llama3 = {
  rope_parameters: {
    rope_type: 'llama3',
    rope_theta: 10000,
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 64,
  },
}

const mixture = { num_local_experts: 4, num_experts_per_tok: 2 }

test.each([
  ['llama', { hidden_act: 'gelu' }, /activation is gelu, not silu/],
  ['gpt_neox', { hidden_act: 'relu' }, /activation is relu, not gelu/],
  ['gpt_neox', { attention_bias: false }, /lacks biases/],
  ['smollm3', { mlp_bias: true }, /MLP has biases/],
  ['qwen3', { attention_bias: true }, /output of its attention has a bias/],
  ['gemma2', { query_pre_attn_scalar: 200 }, /scores are scaled in another way/],
  ['gpt2', { scale_attn_by_inverse_layer_idx: true }, /scores are scaled in another way/],
  ['gemma2', { attn_logit_softcapping: null }, /scores are not capped/],
  ['gemma3_text', { attn_logit_softcapping: 50 }, /scores are capped/],
  ['gemma2', { final_logit_softcapping: null }, /logits are not capped/],
  ['gemma', { tie_word_embeddings: false }, /output matrix is not the token table/],
  ['qwen2', llama3, /rope is scaled by "llama3"/],
  [
    'gemma3_text',
    { sliding_window: null, layer_types: ['sliding_attention', 'full_attention'] },
    /turn in different/,
  ],
  ['exaone4', {}, /windows in 4 layers/],
  ['exaone4', { num_hidden_layers: 64, sliding_window: null, layer_types: null }, /no windows in 64 layers/],
  ['olmo2', { head_dim: 32 }, /heads together are not as wide/],
  ['starcoder2', {}, /MLP is not four times as wide/],
  ['stablelm-qknorm', {}, /norms of queries and keys/],
  ['falcon-alibi', {}, /MLP has biases/],
  ['smollm3', { no_rope_layers: [1, 0, 1, 0, 1] }, /fourth layer/],
  ['gemma4_text', { attention_bias: true }, /output of its attention has a bias/],
  ['gemma4_text', { per_layer_config: { 1: { head_dim: 16 } } }, /turn in different ways/],
  ['gemma4_text', { num_kv_shared_layers: 1 }, /last two layers with a cache/],
  ['gemma4_text', { vocab_size_per_layer_input: 60 }, /rows of its own/],
  ['granitemoehybrid-attention', { ...mixture, position_embedding_type: 'nope' }, /no rotary positions/],
  ['deepseek_v2-groups', {}, /rated by their best expert alone/],
  ['deepseek_v3', { rope_interleave: false }, /turn halves/],
  ['deepseek_v3', { num_hidden_layers: 27 }, /two matrices, in 27 layers/],
  ['deepseek_v3', { first_k_dense_replace: 3 }, /none of its layers has experts/],
] as const)('%s with %j is refused', async (golden, change, reason) => {
  await expect(ggufOf(golden, change)).rejects.toMatchObject({
    code: 'EXPORT_VARIANT',
    message: expect.stringMatching(reason),
  })
})

test('the scores of the largest Gemmas are divided by the root of another size', async () => {
  const config = { num_hidden_layers: 46, hidden_size: 64, query_pre_attn_scalar: 16, layer_types: null }
  const { metadata } = await ggufOf('gemma2', { ...config, num_attention_heads: 4, head_dim: 32 })
  expect(metadata.get('gemma2.block_count')).toEqual({ u32: 46 })
})

test('a window that llama.cpp ignores is the length of the context, with a warning', async () => {
  const { metadata, warnings } = await ggufOf('mistral-window', {})
  expect(metadata.get('llama.context_length')).toEqual({ u32: 8 })
  expect(warnings).toEqual([expect.stringContaining('beyond 8 tokens')])
})

test('where nothing slides, the window that llama.cpp asks for is the length of the context', async () => {
  const { metadata } = await ggufOf('cohere2', { sliding_window: null, max_position_embeddings: 16384 })
  expect(metadata.get('cohere2.attention.sliding_window')).toEqual({ u32: 16384 })
})

test('a tied output matrix is written where llama.cpp reads no other', async () => {
  expect((await ggufOf('gpt_neox', { tie_word_embeddings: true })).outputMatrix).toBe('output.weight')
  expect((await ggufOf('llama', { tie_word_embeddings: true })).outputMatrix).toBe('token_embd.weight')
})

test('frequencies of llama3 are divided by 1, by the factor, and by what lies between', async () => {
  const { tables } = await ggufOf('llama', llama3)
  const [table] = tables
  expect(table?.name).toBe('rope_freqs.weight')
  const divisors = Array.from(table!.values)
  expect(divisors[0]).toBe(1)
  expect(divisors.at(-1)).toBeCloseTo(8, 5)
  expect(divisors.every((value, index) => value >= (divisors[index - 1] ?? 1) && value <= 8.00001)).toBe(true)
})

test('parameters of an activation are lists of the metadata, with a number for each layer', async () => {
  const { metadataNumbers } = await ggufOf('apertus', {})
  expect([...metadataNumbers!.keys()]).toEqual(['xielu.alpha_n', 'xielu.alpha_p', 'xielu.beta', 'xielu.eps'])
  expect(metadataNumbers!.get('xielu.beta')![0]).toBe('model.layers.0.mlp.act_fn.beta')
  expect((await ggufOf('llama', {})).metadataNumbers?.size).toBe(0)
})

test('the second norm of a Falcon is that of attention, and a Falcon with one norm has the usual name', async () => {
  const place = async (golden: string, path: string) =>
    (await ggufOf(golden, { ffn_hidden_size: null })).places(path, 'weight')[0]?.name
  expect(await place('falcon-new', 'transformer.h.0.ln_attn')).toBe('blk.0.attn_norm_2.weight')
  expect(await place('falcon', 'transformer.h.0.input_layernorm')).toBe('blk.0.attn_norm.weight')
})
