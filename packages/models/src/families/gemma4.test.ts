import { readFileSync } from 'node:fs'
import type { JsonObject } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { gemma4 } from './gemma4.js'

const url = new URL('../../../../goldens/architectures/gemma4_text/config.json', import.meta.url)
const config = JSON.parse(readFileSync(url, 'utf8')) as JsonObject
const { per_layer_config, ...published } = config

describe('heads and caches of each layer', () => {
  test('the last layers read what the last layer of their kind before them keeps', () => {
    expect(gemma4.describe(config).facts.layers).toEqual([
      { kind: 'kv', heads: 1, headSize: 8, window: 8 },
      { kind: 'kv', heads: 1, headSize: 16 },
      { kind: 'kv', heads: 1, headSize: 8, window: 8 },
      { kind: 'kv', heads: 1, headSize: 16 },
      { kind: 'shared', with: 2 },
      { kind: 'shared', with: 3 },
    ])
  })

  test('without a config of each layer, full ones have sizes of their own', () => {
    const { facts } = gemma4.describe({
      ...published,
      ...{ global_head_dim: 32, num_global_key_value_heads: 3, attention_k_eq_v: true },
    })
    expect(facts.layers[1]).toEqual({ kind: 'kv', heads: 3, headSize: 32 })
    expect(facts.layers[0]).toMatchObject({ heads: 1, headSize: 8 })
  })

  test('indices of layers may begin with zeros', () => {
    const { facts } = gemma4.describe({ ...config, per_layer_config: { '01': { head_dim: 64 } } })
    expect(facts.layers.slice(0, 2)).toMatchObject([{ headSize: 8 }, { headSize: 64 }])
  })

  test('the last layer attends to everything, whatever the file says', () => {
    const layer_types = Array.from({ length: 6 }, () => 'sliding_attention')
    const { facts } = gemma4.describe({ ...config, layer_types, num_kv_shared_layers: 0 })
    expect(facts.layers.at(-1)).not.toMatchObject({ window: 8 })
  })
})

test('values that are keys have no projection of their own, where a layer attends to everything', () => {
  const { root } = gemma4.describe({ ...config, attention_k_eq_v: true }).build('float32')
  const attention = (layer: number) => [
    ...root.children
      .get('model')!
      .children.get('layers')!
      .children.get(String(layer))!
      .children.get('self_attn')!
      .children.keys(),
  ]
  expect(attention(0)).toContain('v_proj')
  expect(attention(1)).not.toContain('v_proj')
})

test('projections of keys that nothing reads are passed over', () => {
  const { ignores } = gemma4.describe(config).build('float32')
  expect(ignores?.('model.layers.4.self_attn.k_proj.weight')).toBe(true)
  expect(ignores?.('model.layers.4.self_attn.q_proj.weight')).toBe(false)
  expect(ignores?.('model.layers.3.self_attn.k_proj.weight')).toBe(false)
})

test.each([
  [{ use_bidirectional_attention: 'all' }, 'VARIANT', 'use_bidirectional_attention'],
  [{ num_kv_shared_layers: 5 }, 'FIELD_VALUE', 'num_kv_shared_layers'],
  [{ num_kv_shared_layers: -1 }, 'FIELD_VALUE', 'num_kv_shared_layers'],
  [{ per_layer_config: { 1: { head_dim: 'large' } } }, 'FIELD_VALUE', 'per_layer_config.1.head_dim'],
  [{ per_layer_config: { 1: { sliding_window: 4 } } }, 'VARIANT', 'per_layer_config.1.sliding_window'],
  [
    { per_layer_config: { 1: { num_key_value_heads: 2 } } },
    'FIELD_VALUE',
    'per_layer_config.1.num_key_value_heads',
  ],
  [{ per_layer_config: { 1: { head_dim: 2048 } } }, 'HEAD_SIZE', 'head_dim'],
  [
    { per_layer_config: null, attention_k_eq_v: true, num_global_key_value_heads: 2 },
    'FIELD_VALUE',
    'num_global_key_value_heads',
  ],
  [{ vocab_size_per_layer_input: 40 }, 'FIELD_VALUE', 'vocab_size_per_layer_input'],
])('%j is refused', (change, code, field) => {
  expect(() => gemma4.describe({ ...config, ...change } as JsonObject)).toThrow(
    expect.objectContaining({ code, field, hint: expect.any(String) }),
  )
})
