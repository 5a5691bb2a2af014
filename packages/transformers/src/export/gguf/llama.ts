import { CapabilityError, walkModules } from '@hfquant/core'
import type { LlamaConfig } from '../../models/llama-config.js'
import type { RopeScaling } from '../../models/rope.js'
import { type FloatWeight, floatWeights } from '../float-weight.js'
import type { GgufArchitecture } from './architecture.js'
import type { GgufMetadata, GgufValue } from './encode-header.js'
import type { GgufTensor } from './encode-tensor.js'

/** Llama 1 to 3, as the architecture "llama" of llama.cpp. */
export const llamaGguf: GgufArchitecture<LlamaConfig> = {
  name: 'llama',
  metadata,
  outputMatrix: ({ tiedEmbeddings }) => (tiedEmbeddings ? 'token_embd.weight' : 'output.weight'),
  tensors({ shell }, config) {
    const aliases = new Set(shell.ties.map(({ alias }) => alias))
    const tensors: GgufTensor[] = []
    for (const [path, module] of walkModules(shell.root)) {
      for (const [key, weight] of floatWeights(path, module)) {
        if (!aliases.has(weight.name)) tensors.push(renamed(path, key, weight, config))
      }
    }
    return [...tensors, ...ropeFactors(config)]
  },
}

function metadata(config: LlamaConfig): GgufMetadata {
  const { headSize, rope } = config
  return new Map<string, GgufValue>([
    ['llama.block_count', { u32: config.layers }],
    ['llama.context_length', { u32: config.maxPositions }],
    ['llama.embedding_length', { u32: config.hiddenSize }],
    ['llama.feed_forward_length', { u32: config.intermediateSize }],
    ['llama.attention.head_count', { u32: config.heads }],
    ['llama.attention.head_count_kv', { u32: config.kvHeads }],
    ['llama.attention.key_length', { u32: headSize }],
    ['llama.attention.value_length', { u32: headSize }],
    ['llama.attention.layer_norm_rms_epsilon', { f32: config.normEpsilon }],
    ['llama.rope.freq_base', { f32: rope.theta }],
    ['llama.rope.dimension_count', { u32: headSize }],
    ['llama.vocab_size', { u32: config.vocabSize }],
    ...linearScaling(rope.scaling),
  ])
}

const linearScaling = (scaling: RopeScaling): [string, GgufValue][] =>
  scaling.type === 'linear'
    ? [
        ['llama.rope.scaling.type', { string: 'linear' }],
        ['llama.rope.scaling.factor', { f32: scaling.factor }],
      ]
    : []

const OUTSIDE: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
}

/** Within a layer. */
const INSIDE: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
}

function renamed(path: string, key: string, weight: FloatWeight, { headSize }: LlamaConfig): GgufTensor {
  const [, layer, inside = ''] = /^model\.layers\.(\d+)\.(.+)$/.exec(path) ?? []
  const name = layer === undefined ? OUTSIDE[path] : INSIDE[inside] && `blk.${layer}.${INSIDE[inside]}`
  if (name === undefined) {
    throw new CapabilityError('EXPORT_TENSOR', `llama.cpp has no name for "${weight.name}"`, {
      tensor: weight.name,
      hint: 'A tensor that llama.cpp does not know keeps it from loading the file.',
    })
  }
  const isRotated = inside === 'self_attn.q_proj' || inside === 'self_attn.k_proj'
  return { name: `${name}.${key}`, weight, ...(isRotated && { rotaryHeadSize: headSize }) }
}

/**
 * Llama 3 stretches frequencies one by one: llama.cpp reads what each is divided by from a tensor [headSize / 2]. The
 * formula is that of `inverseFrequencies` in models/rope.ts.
 */
function ropeFactors({ rope, headSize }: LlamaConfig): GgufTensor[] {
  const { theta, scaling } = rope
  if (scaling.type !== 'llama3') return []
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling
  const divisors = Float32Array.from({ length: headSize / 2 }, (_, index) => {
    const wavelength = 2 * Math.PI * theta ** ((2 * index) / headSize)
    if (wavelength < originalMaxPositions / highFreqFactor) return 1
    if (wavelength > originalMaxPositions / lowFreqFactor) return factor
    const smooth = (originalMaxPositions / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
    return 1 / ((1 - smooth) / factor + smooth)
  })
  const weight: FloatWeight = {
    name: 'rope_freqs',
    dtype: 'float32',
    shape: [divisors.length],
    async *chunks() {
      yield new Uint8Array(divisors.buffer)
    },
  }
  return [{ name: 'rope_freqs.weight', weight }]
}
