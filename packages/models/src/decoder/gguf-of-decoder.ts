import { CapabilityError, type JsonObject, joinPath } from '@hfquant/core/runtime'
import type { GgufModel, GgufPlace, GgufTable, GgufValue } from '../gguf/gguf-model.js'
import type { GgufReader } from '../gguf/gguf-reader.js'
import type { Activation } from '../parts/activation.js'
import { type Rope, type RopeScaling, yarnAmplitude } from '../parts/rope.js'
import type { DecoderConfig, LayerChoice } from './decoder-config.js'
import { fullRope, ggufObstacle } from './gguf-obstacle.js'
import { type GgufNames, ggufPlaces } from './gguf-places.js'
import { ropeDivisors } from './llama3-of-divisors.js'

/** How llama.cpp knows a family of decoders. */
export interface DecoderGguf {
  /** `general.architecture` */
  readonly architecture: string
  /** Its rotations turn neighbours where the checkpoint turns halves: rows of queries and keys change places. */
  readonly turnsNeighbours?: boolean
  /** Names in a layer, in place of the usual ones; a function where they follow from the model. */
  readonly names?: GgufNames | ((config: DecoderConfig) => GgufNames)
  /**
   * Names of further tensors: of one in a layer, by its name within the layer, and without that of the layer in front; of one
   * beside the layers, by its whole name. Places for one that is cut.
   */
  tensors?(config: DecoderConfig): Readonly<Record<string, string | readonly GgufPlace[]>>
  /** A matrix of gate and up projections is two tensors; default one, as it stands. */
  readonly splitsGate?: boolean
  /** Keys beyond the usual ones, without the prefix. */
  metadata?(config: DecoderConfig): Readonly<Record<string, GgufValue | undefined>>
  /** Full keys of lists with one number for each layer, and the parameter of a layer that holds it, by its path there. */
  readonly metadataNumbers?: Readonly<Record<string, string>>
  /** What MLPs compute; default silu. To llama.cpp both kinds of gelu are one. */
  readonly activation?: Activation
  /**
   * Biases behind attention and in the MLP: each of them may be there or not (`optional`), only that of attention may be
   * (`attention`), or all must be there (`always`). Default: none may be there.
   */
  readonly biases?: 'optional' | 'attention' | 'always'
  /** Where the logits are made: default with the token table unless there is a matrix for it; some know only one of them. */
  readonly output?: 'own matrix' | 'token table'
  /** Rope scalings that come as a tensor of factors. */
  readonly ropeFactors?: readonly RopeScaling['type'][]
  /** What the scores are divided by the root of; default the size of a head. */
  scoreSize?(config: DecoderConfig): number
  /** Another reason why this variant of the family cannot be exported; undefined for one that can. */
  refuses?(config: DecoderConfig): string | undefined
  /** What llama.cpp does in another way, and what comes of it. */
  warnings?(config: DecoderConfig): readonly string[]
  /**
   * The inverse of all this, where GGUF files of the architecture are read: fields of config.json beyond the usual ones,
   * or in place of them.
   */
  config?(read: GgufReader, usual: UsualConfig): JsonObject
}

/** Fields that config.json files of all families have. */
export type UsualConfig = JsonObject & { readonly rope_parameters: JsonObject; readonly head_dim: number }

/** @throws CapabilityError EXPORT_VARIANT for a variant that llama.cpp would compute in another way. */
export function decoderGguf(config: DecoderConfig, family: DecoderGguf): GgufModel {
  const { architecture } = family
  const reason = ggufObstacle(config, family) ?? family.refuses?.(config)
  if (reason !== undefined) {
    throw new CapabilityError(
      'EXPORT_VARIANT',
      `llama.cpp's "${architecture}" has no place for this model: ${reason}`,
      { found: architecture, hint: 'Files for it would load, or not, and give other logits.' },
    )
  }
  return {
    architecture,
    metadata: metadataOf(config, family),
    places: ggufPlaces(config, family),
    metadataNumbers: layerNumbers(config, family),
    tables: ropeFactors(config),
    outputMatrix: config.tied && family.output !== 'own matrix' ? 'token_embd.weight' : 'output.weight',
    warnings: [
      ...windowWarnings(config, family),
      ...ropeWarnings(config),
      ...(family.warnings?.(config) ?? []),
    ],
  }
}

function metadataOf(config: DecoderConfig, family: DecoderGguf): ReadonlyMap<string, GgufValue> {
  const { norm, layers, maxPositions, hiddenSize, vocabSize } = config
  const { attention, mlp } = layers[0]!
  const epsilon = norm.kind === 'rms' ? 'layer_norm_rms_epsilon' : 'layer_norm_epsilon'
  const values: Record<string, GgufValue | undefined> = {
    block_count: { u32: layers.length },
    context_length: { u32: ignoredWindow(config, family) ?? maxPositions },
    embedding_length: { u32: hiddenSize },
    feed_forward_length: { u32: mlp.inner },
    'attention.head_count': { u32: attention.heads },
    'attention.head_count_kv': { u32: attention.kvHeads },
    'attention.key_length': { u32: attention.headSize },
    'attention.value_length': { u32: attention.headSize },
    [`attention.${epsilon}`]: { f32: norm.epsilon },
    ...ropeMetadata(fullRope(config)),
    vocab_size: { u32: vocabSize },
    ...expertMetadata(layers),
    ...family.metadata?.(config),
  }
  const known = Object.entries(values).filter((entry): entry is [string, GgufValue] => entry[1] !== undefined)
  return new Map(known.map(([key, value]) => [`${family.architecture}.${key}`, value]))
}

function expertMetadata(layers: readonly LayerChoice[]): Record<string, GgufValue> {
  const [mixture] = layers.flatMap(({ mlp, beside }) => (mlp.experts === undefined ? (beside ?? []) : mlp))
  if (mixture?.experts === undefined) return {}
  const { count, routing, shared } = mixture.experts
  return {
    expert_count: { u32: count },
    expert_used_count: { u32: routing.chosen },
    expert_feed_forward_length: { u32: mixture.inner },
    ...(shared && { expert_shared_feed_forward_length: { u32: shared.inner } }),
  }
}

function ropeMetadata(rope: Rope | undefined): Record<string, GgufValue> {
  if (rope === undefined) return {}
  const { scaling, theta, width } = rope
  const base = { 'rope.freq_base': { f32: theta }, 'rope.dimension_count': { u32: width } }
  if (scaling.type === 'linear') {
    return {
      ...base,
      'rope.scaling.type': { string: 'linear' },
      'rope.scaling.factor': { f32: scaling.factor },
    }
  }
  if (scaling.type === 'yarn') {
    return {
      ...base,
      'rope.scaling.type': { string: 'yarn' },
      'rope.scaling.factor': { f32: scaling.factor },
      'rope.scaling.original_context_length': { u32: scaling.originalMaxPositions },
      'rope.scaling.yarn_beta_fast': { f32: scaling.betaFast },
      'rope.scaling.yarn_beta_slow': { f32: scaling.betaSlow },
      // llama.cpp multiplies cosines and sines with the usual amplitude of the factor, and with this.
      'rope.scaling.attn_factor': { f32: scaling.amplitude / yarnAmplitude(scaling.factor) },
    }
  }
  if (scaling.type === 'longrope') {
    return {
      ...base,
      'rope.scaling.type': { string: 'longrope' },
      'rope.scaling.original_context_length': { u32: scaling.originalMaxPositions },
      'rope.scaling.attn_factor': { f32: scaling.amplitude },
    }
  }
  return base
}

/**
 * Frequencies that are stretched one by one: llama.cpp reads what each is divided by from a tensor [width / 2]. For
 * longrope there is one for short and one for long contexts.
 */
function ropeFactors(config: DecoderConfig): readonly GgufTable[] {
  const rope = fullRope(config)
  if (rope === undefined) return []
  const { scaling } = rope
  if (scaling.type === 'llama3' || scaling.type === 'proportional') {
    const divisors = ropeDivisors(rope).map((each) => Math.min(each, STANDING))
    return [{ name: 'rope_freqs.weight', values: divisors }]
  }
  if (scaling.type === 'longrope') {
    return [
      { name: 'rope_factors_long.weight', values: Float32Array.from(scaling.longFactor) },
      { name: 'rope_factors_short.weight', values: Float32Array.from(scaling.shortFactor) },
    ]
  }
  return []
}

/** What the frequency of a pair that does not turn is divided by. */
const STANDING = 1e30

function layerNumbers(
  { names, layers }: DecoderConfig,
  { metadataNumbers = {} }: DecoderGguf,
): ReadonlyMap<string, readonly string[]> {
  const stack = joinPath(names.base, names.layers)
  return new Map(
    Object.entries(metadataNumbers).map(([key, path]) => [
      key,
      layers.map((_, index) => joinPath(joinPath(stack, String(index)), path)),
    ]),
  )
}

/** llama.cpp has windows for some families only. */
function ignoredWindow(config: DecoderConfig, { metadata }: DecoderGguf): number | undefined {
  if (metadata?.(config)['attention.sliding_window'] !== undefined) return undefined
  return config.layers.find(({ attention }) => attention.window !== undefined)?.attention.window
}

function windowWarnings(config: DecoderConfig, family: DecoderGguf): readonly string[] {
  const window = ignoredWindow(config, family)
  if (window === undefined) return []
  return [
    `llama.cpp knows no sliding window of this family: beyond ${window} tokens its results differ, keep contexts shorter`,
  ]
}

function ropeWarnings(config: DecoderConfig): readonly string[] {
  const scaling = fullRope(config)?.scaling
  if (scaling?.type === 'longrope') {
    return ['llama.cpp chooses the factors for long texts by the size of the context, not of the text']
  }
  if (scaling?.type !== 'yarn' || scaling.truncate) return []
  return ['llama.cpp rounds the corners of yarn, which this model does not: logits differ a little']
}
