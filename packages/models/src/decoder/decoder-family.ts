import {
  CapabilityError,
  type CheckpointMapping,
  type JsonObject,
  joinPath,
  type LayerCache,
} from '@hfquant/core/runtime'
import {
  type Architecture,
  type DecoderDescription,
  defineArchitecture,
  type ExpertFacts,
  type ModelFacts,
  type OnnxWhole,
} from '../architecture/define-architecture.js'
import { type ConfigReader, configReader } from '../config/config-reader.js'
import { demandDivisor, readSizes, type Sizes } from '../config/read-sizes.js'
import type { NormKind } from '../parts/norm.js'
import { buildDecoder } from './build-decoder.js'
import { decoderGgufInput } from './config-of-gguf.js'
import type {
  AttentionChoice,
  BesideChoice,
  DecoderConfig,
  InputChoice,
  MlpChoice,
  OutputChoice,
  ResidualChoice,
} from './decoder-config.js'
import { forwardDecoder } from './forward-decoder.js'
import { type DecoderGguf, decoderGguf } from './gguf-of-decoder.js'
import type { LayerAddition } from './layer-addition.js'
import { type DecoderNames, LLAMA_NAMES } from './names.js'
import { rescalingsOf } from './rescalings.js'

/** What tells a decoder from Llama: every choice that is left out is Llama's. */
export interface DecoderChoices {
  readonly norm: NormKind
  readonly residual?: ResidualChoice
  /** Of every layer, or of layer `index`. */
  readonly attention?: Partial<AttentionChoice> | ((index: number) => Partial<AttentionChoice>)
  readonly mlp?: Partial<MlpChoice> | ((index: number) => Partial<MlpChoice>)
  /** Of every layer. */
  readonly beside?: BesideChoice | undefined
  readonly input?: InputChoice
  readonly output?: OutputChoice
  readonly storesColumns?: boolean
  readonly addition?: LayerAddition
  readonly names?: Partial<DecoderNames>
  readonly checkpoint?: CheckpointMapping
  /** Windows are then as wide on each side. */
  readonly looksBothWays?: boolean
}

export interface DecoderFamily {
  readonly names: readonly string[]
  readonly modelTypes: readonly string[]
  readonly revision: number
  /** What the configuration class has for fields that a file leaves out. */
  readonly defaults?: JsonObject
  choose(read: ConfigReader, sizes: Sizes): DecoderChoices
  /** How llama.cpp knows the family; a function where it knows variants of it as several. */
  readonly gguf?: DecoderGguf | ((config: DecoderConfig) => DecoderGguf)
  readonly onnxModelTypes?: readonly string[]
  readonly onnxPartOf?: OnnxWhole
  readonly onnxWithout?: readonly string[]
}

/** A family of decoders that is a row of choices. */
export function decoderFamily(family: DecoderFamily): Architecture<DecoderDescription> {
  const { names, modelTypes, revision, gguf, onnxModelTypes, onnxPartOf, onnxWithout } = family
  return defineArchitecture<DecoderConfig>({
    ...{ specVersion: 1, names, modelTypes, revision },
    parseConfig(json) {
      const config = readDecoder(family, json)
      if (config.looksBothWays) configReader(json).only('use_bidirectional_attention', false, LOOKS_BACK)
      return config
    },
    facts,
    rescalings: (config) => rescalingsOf(config, joinPath(config.names.base, config.names.layers)),
    build: buildDecoder,
    forward: forwardDecoder,
    ignores: isLeftover,
    ...(gguf && { gguf: (config) => decoderGguf(config, typeof gguf === 'function' ? gguf(config) : gguf) }),
    ...(typeof gguf === 'object' && { ggufInput: decoderGgufInput(gguf, names, modelTypes) }),
    ...(onnxModelTypes && { onnxModelTypes, onnxPartOf, onnxWithout }),
  })
}

const LOOKS_BACK = 'a decoder looks back only; AutoModel makes vectors of texts with the others'

export function readDecoder({ choose, defaults = {} }: DecoderFamily, json: JsonObject): DecoderConfig {
  const read = configReader(json, defaults)
  const sizes = readSizes(read)
  const chosen = choose(read, sizes)
  const { attention = {}, mlp = {}, beside, names = {}, residual = { kind: 'pre' }, ...choices } = chosen
  const layers = Array.from({ length: sizes.layers }, (_, index) => ({
    attention: checked({
      ...{ heads: sizes.heads, kvHeads: sizes.kvHeads, headSize: sizes.headSize },
      ...{ projections: 'separate' as const, bias: false, outputBias: false },
      ...(typeof attention === 'function' ? attention(index) : attention),
    }),
    mlp: {
      ...{ kind: 'gated' as const, inner: sizes.inner, bias: false },
      activation: read.activation(
        ['hidden_act', 'hidden_activation', 'activation_function', 'activation'],
        'silu',
      ),
      ...(typeof mlp === 'function' ? mlp(index) : mlp),
    },
    beside,
  }))
  return {
    ...{ hiddenSize: sizes.hidden, vocabSize: sizes.vocabulary, maxPositions: sizes.positions },
    ...{ layers, residual, input: {}, output: {} },
    tied: read.flag('tie_word_embeddings', false),
    tiedByFiles: !read.has('tie_word_embeddings'),
    ...choices,
    names: { ...LLAMA_NAMES, ...names },
  }
}

/** The runtime's attention takes heads of 8 to 1024 channels; others are padded with zeros. */
function checked(attention: AttentionChoice): AttentionChoice {
  const { headSize, heads, kvHeads } = attention
  demandDivisor('num_key_value_heads', kvHeads, heads)
  if (headSize <= 1024 && headSize % 2 === 0) return attention
  throw new CapabilityError(
    'HEAD_SIZE',
    `head size ${headSize} is not offered, it must be even and at most 1024`,
    {
      field: 'head_dim',
      found: headSize,
      hint: 'No setting changes it: the attention of the runtime computes no other heads.',
    },
  )
}

function facts(config: DecoderConfig): ModelFacts {
  const { vocabSize, maxPositions, layers } = config
  const scalings = layers.map(({ attention }) => attention.rope?.scaling)
  const long = scalings.find((scaling) => scaling?.type === 'longrope')
  return {
    ...{ vocabSize, maxPositions, experts: expertFacts(config) },
    layers: layers.map(({ attention }) => layerCache(attention)),
    longRope:
      long !== undefined && long.originalMaxPositions < maxPositions ? long.originalMaxPositions : undefined,
  }
}

function expertFacts({ names, layers }: DecoderConfig): ExpertFacts | undefined {
  const [experts] = layers.flatMap(({ mlp, beside }) => mlp.experts ?? beside?.experts ?? [])
  if (experts === undefined) return undefined
  const { count, routing } = experts
  return { count, chosen: routing.chosen, owns: (path) => path.includes(`.${names.experts}.`) }
}

const layerCache = ({ kvHeads, headSize, window, cacheOf }: AttentionChoice): LayerCache =>
  cacheOf === undefined ? { kind: 'kv', heads: kvHeads, headSize, window } : { kind: 'shared', with: cacheOf }

/**
 * Buffers that older versions of the Python library saved, and projections of keys and values of a layer that reads those of
 * another one.
 */
export function isLeftover(name: string, { names, layers }: DecoderConfig): boolean {
  if (/\.(attn|attention|self_attn|self_attention)\.(bias|masked_bias)$/.test(name)) return true
  if (/(^|\.)rotary_emb\.(inv_freq|cos_cached|sin_cached)$/.test(name)) return true
  const found = new RegExp(`(?:^|\\.)${names.layers.replaceAll('.', '\\.')}\\.(\\d+)\\.(.*)$`).exec(name)
  if (found === null) return false
  const [, layer, rest = ''] = found
  const unread = [names.key, names.value, names.keyNorm, names.valueNorm]
  const sharesCache = layers[Number(layer)]?.attention.cacheOf !== undefined
  return sharesCache && unread.some((part) => rest.startsWith(`${part}.`))
}
