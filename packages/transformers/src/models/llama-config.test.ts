import { describe, expect, test } from 'vitest'
import { parseLlamaConfig } from './llama-config.js'
import { inverseFrequencies, parseRope } from './rope.js'

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
    expect(parseLlamaConfig(config)).toMatchObject({
      headSize: 16,
      kvHeads: 4,
      normEpsilon: 1e-6,
      attentionBias: false,
      tiedEmbeddings: false,
      rope: { theta: 10000, scaling: { type: 'default' } },
      cache: { layers: 2, heads: 4, headSize: 16 },
    })
  })

  test('may give the head size', () => {
    expect(parseLlamaConfig({ ...config, head_dim: 32 }).headSize).toBe(32)
  })

  test.each([
    [{ hidden_size: undefined }, 'FIELD_VALUE', 'hidden_size'],
    [{ hidden_size: '64' }, 'FIELD_TYPE', 'hidden_size'],
    [{ num_hidden_layers: 0 }, 'FIELD_VALUE', 'num_hidden_layers'],
    [{ num_hidden_layers: 3e6 }, 'FIELD_VALUE', 'num_hidden_layers'],
    [{ vocab_size: 1e12 }, 'FIELD_VALUE', 'vocab_size'],
    [{ num_key_value_heads: 3 }, 'FIELD_VALUE', 'num_key_value_heads'],
    [{ attention_bias: 'yes' }, 'FIELD_TYPE', 'attention_bias'],
    [{ rms_norm_eps: null, hidden_act: 'relu' }, 'ACTIVATION', 'hidden_act'],
    [{ head_dim: 12 }, 'HEAD_SIZE', 'head_dim'],
    [{ rope_scaling: { rope_type: 'yarn', factor: 2 } }, 'ROPE_SCALING_UNKNOWN', 'rope_scaling.rope_type'],
    [{ rope_scaling: { type: 'linear' } }, 'ROPE_SCALING', 'rope_scaling.factor'],
    [{ rope_scaling: [] }, 'FIELD_TYPE', 'rope_scaling'],
  ])('%j is refused with %s, naming %s', (change, code, field) => {
    expect(() => parseLlamaConfig({ ...config, ...change })).toThrow(expect.objectContaining({ code, field }))
  })
})

describe('rotary frequencies', () => {
  test('are those of the older and the newer spelling alike', () => {
    const older = parseRope({ rope_theta: 5e5, rope_scaling: { type: 'linear', factor: 4 } })
    const newer = parseRope({ rope_parameters: { rope_theta: 5e5, rope_type: 'linear', factor: 4 } })
    expect(older).toEqual(newer)
  })

  test('linear scaling divides all of them', () => {
    const plain = inverseFrequencies(16, { theta: 10000, scaling: { type: 'default' } })
    const scaled = inverseFrequencies(16, { theta: 10000, scaling: { type: 'linear', factor: 4 } })
    expect(scaled).toEqual(plain.map((frequency) => frequency / 4))
  })

  test('llama3 scaling keeps the fast ones, divides the slow ones, and is monotonous between', () => {
    const scaling = {
      type: 'llama3',
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositions: 64,
    } as const
    const plain = inverseFrequencies(64, { theta: 10000, scaling: { type: 'default' } })
    const scaled = inverseFrequencies(64, { theta: 10000, scaling })
    expect(scaled[0]).toBe(plain[0])
    expect(scaled[31]).toBe(Math.fround(plain[31]! / 8))
    for (let index = 1; index < 32; index++) expect(scaled[index]).toBeLessThan(scaled[index - 1]!)
  })
})
