import {
  CapabilityError,
  ConfigError,
  type JsonObject,
  readBoolean,
  readInteger,
  readNumber,
  readString,
} from '@hfquant/core'
import type { DecoderConfig } from './architecture.js'
import { parseRope, type RopeConfig } from './rope.js'

/** The fields of a Llama config.json that decide what is computed. */
export interface LlamaConfig extends DecoderConfig {
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly normEpsilon: number
  readonly attentionBias: boolean
  readonly mlpBias: boolean
  readonly tiedEmbeddings: boolean
  readonly rope: RopeConfig
}

/** No model has a dimension beyond this; products of three still fit a double exactly. */
const MAX_DIMENSION = 2 ** 24

/** Ten times as many as the deepest model; every layer takes memory before a weight is read. */
const MAX_LAYERS = 2000

/** @throws ConfigError FIELD_TYPE or FIELD_VALUE naming the field; CapabilityError for what is not offered. */
export function parseLlamaConfig(json: JsonObject): LlamaConfig {
  const size = (key: string, fallback?: number, most = MAX_DIMENSION): number => {
    const value = readInteger(json, key, fallback ?? Number.NaN)
    if (value >= 1 && value <= most) return value
    throw invalid(key, json[key], `an integer from 1 to ${most}`)
  }
  const hiddenSize = size('hidden_size')
  const heads = size('num_attention_heads')
  const kvHeads = size('num_key_value_heads', heads)
  const headSize = size('head_dim', Math.max(1, Math.floor(hiddenSize / heads)))
  const layers = size('num_hidden_layers', undefined, MAX_LAYERS)
  if (heads % kvHeads !== 0) {
    throw invalid('num_key_value_heads', kvHeads, `a divisor of num_attention_heads (${heads})`)
  }
  if (headSize % 8 !== 0) {
    throw new CapabilityError(
      'HEAD_SIZE',
      `head size ${headSize} is not offered, it must be a multiple of 8`,
      {
        field: 'head_dim',
        found: headSize,
      },
    )
  }
  const activation = readString(json, 'hidden_act', 'silu')
  if (activation !== 'silu') {
    throw new CapabilityError(
      'ACTIVATION',
      `hidden_act "${activation}" is not offered for Llama, only "silu"`,
      {
        field: 'hidden_act',
        found: activation,
        expected: ['silu'],
      },
    )
  }
  return {
    hiddenSize,
    heads,
    kvHeads,
    headSize,
    layers,
    intermediateSize: size('intermediate_size'),
    vocabSize: size('vocab_size'),
    maxPositions: size('max_position_embeddings', 2048),
    normEpsilon: readNumber(json, 'rms_norm_eps', 1e-6),
    attentionBias: readBoolean(json, 'attention_bias', false),
    mlpBias: readBoolean(json, 'mlp_bias', false),
    tiedEmbeddings: readBoolean(json, 'tie_word_embeddings', false),
    rope: parseRope(json),
    cache: { layers, heads: kvHeads, headSize },
  }
}

const invalid = (field: string, found: unknown, expected: string): ConfigError =>
  new ConfigError('FIELD_VALUE', `${field} is ${JSON.stringify(found)}, expected ${expected}`, {
    field,
    found,
    expected,
    hint: 'Correct config.json, or take it from the same revision as the weights.',
  })
