import { describe, expect, test } from 'vitest'
import { llama } from './llama.js'

const config = {
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  vocab_size: 128,
  max_position_embeddings: 256,
}

describe('a Llama config.json', () => {
  test('needs little: the rest follows from it, or from the defaults of the Python library', () => {
    const { facts, build } = llama.describe(config)
    expect(facts).toMatchObject({ vocabSize: 128, maxPositions: 256, longRope: undefined })
    expect(facts.layers).toEqual(Array(2).fill({ kind: 'kv', heads: 4, headSize: 16 }))
    expect(build('float32').ties).toEqual([])
  })

  test('may give the head size, and fewer heads of keys and values', () => {
    const { facts } = llama.describe({ ...config, head_dim: 32, num_key_value_heads: 2 })
    expect(facts.layers[0]).toMatchObject({ heads: 2, headSize: 32 })
  })

  test.each([
    [{ hidden_size: undefined }, 'FIELD_VALUE', 'hidden_size'],
    [{ hidden_size: '64' }, 'FIELD_TYPE', 'hidden_size'],
    [{ num_hidden_layers: 0 }, 'FIELD_VALUE', 'num_hidden_layers'],
    [{ num_hidden_layers: 3e6 }, 'FIELD_VALUE', 'num_hidden_layers'],
    [{ vocab_size: 1e12 }, 'FIELD_VALUE', 'vocab_size'],
    [{ num_key_value_heads: 3 }, 'FIELD_VALUE', 'num_key_value_heads'],
    [{ attention_bias: 'yes' }, 'FIELD_TYPE', 'attention_bias'],
    [{ rms_norm_eps: null, hidden_act: 'softsign' }, 'ACTIVATION', 'hidden_act'],
    [{ head_dim: 2048 }, 'HEAD_SIZE', 'head_dim'],
    [{ rope_scaling: { rope_type: 'spiral', factor: 2 } }, 'ROPE_SCALING_UNKNOWN', 'rope_scaling.rope_type'],
    [{ rope_scaling: { type: 'linear' } }, 'ROPE_SCALING', 'rope_scaling.factor'],
    [{ rope_scaling: [] }, 'FIELD_TYPE', 'rope_scaling'],
  ])('%j is refused with %s, naming %s', (change, code, field) => {
    expect(() => llama.describe({ ...config, ...change })).toThrow(expect.objectContaining({ code, field }))
  })
})
