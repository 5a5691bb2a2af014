import { CapabilityError, joinPath } from '@hfquant/core'
import type { GgufModel, GgufPlace, GgufTable, GgufValue } from '../gguf/gguf-model.js'
import type { Activation } from '../parts/activation.js'
import { type Rope, type RopeScaling, ropeFrequencies, yarnAmplitude } from '../parts/rope.js'
import type { AttentionChoice, DecoderConfig, LayerChoice } from './decoder-config.js'
import { fullRope, ggufObstacle } from './gguf-obstacle.js'
import type { DecoderNames } from './names.js'

/** How llama.cpp knows a family of decoders. */
export interface DecoderGguf {
  /** `general.architecture` */
  readonly architecture: string
  /** Its rotations turn neighbours where the checkpoint turns halves: rows of queries and keys change places. */
  readonly turnsNeighbours?: boolean
  /** Names in a layer, in place of the usual ones; a function where they follow from the model. */
  readonly names?: GgufNames | ((config: DecoderConfig) => GgufNames)
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
}

/** Parts of a layer. */
type GgufPart = keyof typeof PARTS

type GgufNames = Readonly<Partial<Record<GgufPart, string>>>

const PARTS = {
  query: 'attn_q',
  key: 'attn_k',
  value: 'attn_v',
  projections: 'attn_qkv',
  output: 'attn_output',
  queryNorm: 'attn_q_norm',
  keyNorm: 'attn_k_norm',
  gate: 'ffn_gate',
  up: 'ffn_up',
  gateUp: 'ffn_up',
  down: 'ffn_down',
  router: 'ffn_gate_inp',
  sharedExpertGate: 'ffn_gate_inp_shexp',
  attentionIn: 'attn_norm',
  attentionOut: 'post_attention_norm',
  mlpIn: 'ffn_norm',
  mlpOut: 'post_ffw_norm',
} as const

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
    place: placesOf(config, family),
    metadataNumbers: layerNumbers(config, family),
    tables: ropeFactors(config),
    outputMatrix: config.tied && family.output !== 'own matrix' ? 'token_embd.weight' : 'output.weight',
    warnings: [...windowWarnings(config, family), ...ropeWarnings(config)],
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
  const { mlp } = layers.find((layer) => layer.mlp.experts !== undefined) ?? {}
  if (mlp?.experts === undefined) return {}
  const { count, routing, shared } = mlp.experts
  return {
    expert_count: { u32: count },
    expert_used_count: { u32: routing.chosen },
    expert_feed_forward_length: { u32: mlp.inner },
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

function placesOf(config: DecoderConfig, family: DecoderGguf): GgufModel['place'] {
  const { names, norm } = config
  const base = (name: string) => joinPath(names.base, name)
  const outside = new Map<string, string>([
    [base(names.embedding), 'token_embd'],
    [base(names.embeddingNorm), 'token_embd_norm'],
    [base(names.positions), 'position_embd'],
    [base(names.finalNorm), 'output_norm'],
    [names.head, 'output'],
  ])
  const { norms, expert: _x, latent: _l, beside: _s, base: _, embedding: _e, ...others } = names
  const parts = new Map<string, GgufPart>()
  for (const [part, name] of Object.entries({ ...others, ...norms })) {
    if (part in PARTS) parts.set(name, part as GgufPart)
  }
  const layers = `${base(names.layers)}.`
  const { names: ownNames = {} } = family
  const named = typeof ownNames === 'function' ? ownNames(config) : ownNames
  const offsetOf = (isNorm: boolean, key: string) => (isNorm && key === 'weight' ? norm.offset : undefined)
  const ofExperts = expertPlaces(names)
  return (path, key) => {
    const known = outside.get(path)
    if (known !== undefined)
      return { name: `${known}.${key}`, offset: offsetOf(known.endsWith('_norm'), key) }
    if (!path.startsWith(layers)) return undefined
    const [layer = '', ...rest] = path.slice(layers.length).split('.')
    const expert = ofExperts(rest.join('.'))
    if (expert !== undefined) return { ...expert, name: `blk.${layer}.${expert.name}.${key}` }
    if (key === BIAS_OF_CHOICE) return { name: `blk.${layer}.exp_probs_b.bias` }
    const part = parts.get(rest.join('.'))
    if (part === undefined) return undefined
    const name = named[part] ?? PARTS[part]
    const { attention } = config.layers[Number(layer)]!
    return {
      name: `blk.${layer}.${name}.${key}`,
      offset: offsetOf(/[nN]orm$|In$|Out$/.test(part), key),
      ...rowOrder(part, attention, family),
    }
  }
}

/** What the choice of experts is biased by, beside the router's weight. */
const BIAS_OF_CHOICE = 'e_score_correction_bias'

/** Matrices of chosen experts are stacked; those of one that every token meets stand by themselves. */
function expertPlaces({ experts, sharedExpert, expert }: DecoderNames) {
  const matrices = new Map([
    [expert.gate, 'ffn_gate'],
    [expert.up, 'ffn_up'],
    [expert.down, 'ffn_down'],
  ])
  return (path: string): GgufPlace | undefined => {
    const cut = path.lastIndexOf('.')
    const [owner, matrix] = [path.slice(0, cut), matrices.get(path.slice(cut + 1))]
    if (matrix === undefined) return undefined
    if (owner === sharedExpert) return { name: `${matrix}_shexp` }
    const index = owner.startsWith(`${experts}.`) ? Number(owner.slice(experts.length + 1)) : Number.NaN
    return Number.isInteger(index) ? { name: `${matrix}_exps`, inStack: index } : undefined
  }
}

function rowOrder(
  part: GgufPart,
  { heads, kvHeads, headSize, projections }: AttentionChoice,
  { turnsNeighbours }: DecoderGguf,
): Pick<GgufPlace, 'rotaryHeadSize' | 'groups'> {
  if (turnsNeighbours && (part === 'query' || part === 'key')) return { rotaryHeadSize: headSize }
  if (part !== 'projections' || projections !== 'grouped') return {}
  return { groups: { count: kvHeads, sizes: [(heads / kvHeads) * headSize, headSize, headSize] } }
}

/**
 * Frequencies that are stretched one by one: llama.cpp reads what each is divided by from a tensor [width / 2]. For
 * longrope there is one for short and one for long contexts.
 */
function ropeFactors(config: DecoderConfig): readonly GgufTable[] {
  const rope = fullRope(config)
  if (rope === undefined) return []
  const { scaling } = rope
  if (scaling.type === 'llama3') {
    const plain = ropeFrequencies({ ...rope, scaling: { type: 'default' } }).frequencies
    const { frequencies } = ropeFrequencies(rope)
    return [{ name: 'rope_freqs.weight', values: plain.map((each, index) => each / frequencies[index]!) }]
  }
  if (scaling.type === 'longrope') {
    return [
      { name: 'rope_factors_long.weight', values: Float32Array.from(scaling.longFactor) },
      { name: 'rope_factors_short.weight', values: Float32Array.from(scaling.shortFactor) },
    ]
  }
  return []
}

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
