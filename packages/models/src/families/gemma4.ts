import { CapabilityError, type JsonObject, readInteger, readObject } from '@hfquant/core'
import { type ConfigReader, invalidField } from '../config/config-reader.js'
import { readRouting } from '../config/read-experts.js'
import { type LayerKind, readLayerKinds, readWindows, slidesUnlessEvery } from '../config/read-layer-kinds.js'
import { readRope } from '../config/read-rope.js'
import { demandDivisor, type Sizes } from '../config/read-sizes.js'
import type { BesideChoice } from '../decoder/decoder-config.js'
import { decoderFamily } from '../decoder/decoder-family.js'
import { SANDWICH_NORMS } from '../decoder/names.js'
import { rmsNorm } from '../parts/norm.js'
import { gemma4Additions } from './gemma4-additions.js'
import { GEMMA4_GGUF } from './gemma4-gguf.js'

/**
 * Gemma 4, the text model: layers that attend to everything have larger heads, the last layers read keys and values
 * of earlier ones, and every layer has an input of its own, or experts beside its MLP.
 */
export const gemma4 = decoderFamily({
  names: ['Gemma4ForCausalLM'],
  modelTypes: ['gemma4_text'],
  revision: 2,
  defaults: {
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 30,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    vocab_size: 262144,
    max_position_embeddings: 131072,
    tie_word_embeddings: true,
  },
  choose(read, sizes) {
    const { hidden, layers, positions, inner, vocabulary } = sizes
    if (read.json.use_bidirectional_attention !== 'vision') {
      read.only('use_bidirectional_attention', false, 'a decoder looks back only')
    }
    const kinds = readKinds(read, layers)
    const windows = readWindows(read, kinds, positions, 512)
    const heads = readHeads(read, sizes, kinds)
    const owners = layers - readSharing(read, kinds)
    const ropeOf = (kind: LayerKind, headSize: number) =>
      readRope(read, { headSize, positions, kind, ...ROPES[kind] })
    const norm = rmsNorm(read.number('rms_norm_eps', 1e-6))
    const activation = read.activation('hidden_activation', 'gelu_pytorch_tanh')
    const bias = read.flag('attention_bias')
    const valueIsKey = read.flag('attention_k_eq_v')
    const wide = read.flag('use_double_wide_mlp')
    const size =
      read.json.hidden_size_per_layer_input === 0 ? 0 : read.size('hidden_size_per_layer_input', 256)
    const vocabSize = read.size('vocab_size_per_layer_input', 262144)
    if (size > 0 && vocabSize < vocabulary) {
      throw invalidField('vocab_size_per_layer_input', vocabSize, `at least vocab_size (${vocabulary})`)
    }
    return {
      norm,
      names: { norms: SANDWICH_NORMS, router: 'router.proj', experts: 'experts' },
      attention: (index) => ({
        ...{ ...heads[index]!, bias, outputBias: bias, scale: 1, headNorm: { over: 'head', norm } },
        rope: ropeOf(kinds[index]!, heads[index]!.headSize),
        window: windows[index],
        valueNorm: { ...norm, weight: false },
        valueOfKey: valueIsKey && kinds[index] === 'full_attention',
        cacheOf: index < owners ? undefined : kinds.lastIndexOf(kinds[index]!, owners - 1),
      }),
      beside: read.flag('enable_moe_block') ? readBeside(read, hidden) : undefined,
      checkpoint: ['gate_up_proj', 'down_proj'].map((name) => ({
        from: `experts.${name}`,
        to: `experts.*.${name}.weight`,
      })),
      mlp: (index) => ({ activation, inner: wide && index >= owners ? 2 * inner : inner }),
      addition: gemma4Additions({
        ...{ layers, hidden, norm, activation },
        inputs: size === 0 ? undefined : { size, vocabSize },
      }),
      input: { scale: Math.fround(Math.sqrt(hidden)) },
      output: { softCap: read.cap('final_logit_softcapping') },
    }
  },
  gguf: GEMMA4_GGUF,
  onnxModelTypes: ['gemma4_text'],
  onnxPartOf: { name: 'Gemma4ForConditionalGeneration', modelType: 'gemma4' },
})

function readBeside(read: ConfigReader, hidden: number): BesideChoice {
  const routing = { scores: 'softmax', normalize: true } as const
  return {
    inner: read.size('moe_intermediate_size'),
    experts: {
      ...readRouting(read, 'num_experts', routing, 'top_k_experts'),
      ...{ kind: 'fused', together: true },
    },
    routerScale: hidden ** -0.5,
  }
}

/** What each kind has where a file has no `rope_parameters`. */
const ROPES = {
  full_attention: {
    theta: 1e6,
    scaling: { rope_type: 'proportional', partial_rotary_factor: 0.25 },
  },
  sliding_attention: { theta: 1e4 },
} as const

/** The last layer attends to everything, whatever a file says. */
function readKinds(read: ConfigReader, layers: number): readonly LayerKind[] {
  const kinds = readLayerKinds(read, layers, slidesUnlessEvery(6))
  return [...kinds.slice(0, -1), 'full_attention']
}

/** How many layers, the last ones, read the keys and values of the last layer before them that is of their kind. */
function readSharing(read: ConfigReader, kinds: readonly LayerKind[]): number {
  const field = 'num_kv_shared_layers'
  const count = readInteger(read.json, field, 0)
  const [own, shared] = [kinds.slice(0, kinds.length - count), kinds.slice(kinds.length - count)]
  if (count >= 0 && count < kinds.length && shared.every((kind) => own.includes(kind))) return count
  throw invalidField(field, count, `at most as many as leave a layer of each kind before them`)
}

interface OwnHeads {
  readonly headSize: number
  readonly kvHeads: number
}

/** Sizes of a layer's heads: those of `per_layer_config`, or else one for each kind. */
function readHeads(
  read: ConfigReader,
  { headSize, heads, kvHeads }: Sizes,
  kinds: readonly LayerKind[],
): readonly OwnHeads[] {
  const usual = { headSize, kvHeads }
  const listed = readObject(read.json, 'per_layer_config', {})
  if (read.has('per_layer_config')) {
    // Python writes the index of a layer as a number, with leading zeros at times.
    const byIndex = new Map(Object.keys(listed).map((key) => [Number(key), key]))
    return kinds.map((_, index) => {
      const key = byIndex.get(index)
      return key === undefined
        ? usual
        : { ...usual, ...readLayerHeads(readObject(listed, key, {}), key, heads) }
    })
  }
  const full = {
    headSize: read.size('global_head_dim', 512),
    kvHeads: read.flag('attention_k_eq_v') ? read.size('num_global_key_value_heads', kvHeads) : kvHeads,
  }
  demandDivisor('num_global_key_value_heads', full.kvHeads, heads)
  return kinds.map((kind) => (kind === 'full_attention' ? full : usual))
}

/** @throws CapabilityError VARIANT for a field that a layer has of its own, and that is not offered. */
function readLayerHeads(json: JsonObject, layer: string, queries: number): Partial<OwnHeads> {
  const heads: { -readonly [Key in keyof OwnHeads]?: number } = {}
  for (const [key, value] of Object.entries(json)) {
    const name = key === 'head_dim' ? 'headSize' : key === 'num_key_value_heads' ? 'kvHeads' : undefined
    const field = `per_layer_config.${layer}.${key}`
    if (name === undefined) {
      throw new CapabilityError('VARIANT', `${field} is not offered for a single layer`, {
        field,
        found: value,
        expected: ['head_dim', 'num_key_value_heads'],
        hint: 'A package can define the architecture with it.',
      })
    }
    const isSize = typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 2 ** 16
    if (!isSize) throw invalidField(field, value, 'a positive integer')
    if (name === 'kvHeads') demandDivisor(field, value, queries)
    heads[name] = value
  }
  return heads
}
