import type { CheckpointMapping } from '@hfquant/core/runtime'
import type { Activation } from '../parts/activation.js'
import type { NormKind } from '../parts/norm.js'
import type { Rope } from '../parts/rope.js'
import type { Routing } from '../parts/routing.js'
import type { LayerAddition } from './layer-addition.js'
import type { DecoderNames, LayerNormNames } from './names.js'

/**
 * The layers of a model, of whatever kind, as a row of choices: one for each way in which families differ. `B` sequences,
 * `S` tokens, `D` channels of a hidden state, `H` heads of `Dh` channels, `Hk` key/value heads.
 */
export interface LayersConfig {
  readonly hiddenSize: number
  readonly norm: NormKind
  readonly residual: ResidualChoice
  readonly layers: readonly LayerChoice[]
  /** Projections within layers are stored [in, out], with a bias, as GPT-2 does. */
  readonly storesColumns?: boolean | undefined
  readonly addition?: LayerAddition | undefined
  readonly names: DecoderNames
}

/** A decoder: its layers, what they begin with, and what is behind them. */
export interface DecoderConfig extends LayersConfig {
  readonly vocabSize: number
  readonly maxPositions: number
  readonly input: InputChoice
  readonly output: OutputChoice
  /** Whether the output matrix is the token table. */
  readonly tied: boolean
  /** Whether config.json leaves that to the files: without an output matrix in them, the token table is it. */
  readonly tiedByFiles?: boolean | undefined
  /** Other names that files have for the same tensors. */
  readonly checkpoint?: CheckpointMapping | undefined
  /** Tokens attend to those behind them as well: the model makes vectors of texts, and generates none. */
  readonly looksBothWays?: boolean | undefined
}

export interface ResidualChoice {
  /**
   * How the branches, attention `A` and MLP `M`, join the stream `x`. Norms before and behind a branch are those that
   * `names.norms` names.
   *
   * - `pre`: x += A(x), then x += M(x)
   * - `parallel`: x += A(x) + M(x)
   * - `post`: the norm behind a branch takes the sum, x = N(x + A(x))
   */
  readonly kind: 'pre' | 'parallel' | 'post'
  /** Of the branches; default 1. */
  readonly multiplier?: number | undefined
  /** A branch is added to its own normed input, not to the stream. */
  readonly ofNormed?: boolean | undefined
}

export interface LayerChoice {
  readonly attention: AttentionChoice
  readonly mlp: MlpChoice
  /** Norms of this layer where they are not those of the others. */
  readonly norms?: LayerNormNames | undefined
  /** Its name below those of the layers; default its index. Layers of one name have the same weights. */
  readonly storedAs?: string | undefined
  /** Experts that stand beside the MLP, as Gemma 4 has them: both branches are normed, and added. */
  readonly beside?: BesideChoice | undefined
}

/** Each of the experts is an MLP of the layer's kind. */
export interface BesideChoice {
  readonly inner: number
  readonly experts: ExpertsChoice
  /** What the router reads is the stream, normed without a weight, times a vector, times this. */
  readonly routerScale: number
}

export interface AttentionChoice {
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  /**
   * How the projections are stored: `separate`; in one matrix `concatenated`, all queries, all keys, all values; or
   * `grouped`, for each key/value head its queries, its key, its value.
   */
  readonly projections: 'separate' | 'concatenated' | 'grouped'
  /** Of queries, keys and values. */
  readonly bias: boolean
  readonly outputBias: boolean
  /** Norms of queries and keys: one weight for every head, one for each head, or one norm over all heads together. */
  readonly headNorm?: HeadNormChoice | undefined
  /** Keys and values are made of a few numbers for each token, which alone are kept; `projections` is of no account. */
  readonly latent?: LatentChoice | undefined
  /** One more score of each head, a parameter [heads], that takes weight from the others. */
  readonly sinks?: boolean | undefined
  /** Undefined for a layer without rotary positions. */
  readonly rope?: Rope | undefined
  /** Tokens that a token attends to, itself included; in an encoder as many on each side; undefined for all. */
  readonly window?: number | undefined
  /** In an encoder: tokens attend to those before them only, as in a decoder. */
  readonly looksBack?: boolean | undefined
  /** In an encoder: scores are biased by how far tokens stand from each other. */
  readonly relative?: RelativeChoice | undefined
  /** Default 1 / √Dh. */
  readonly scale?: number | undefined
  readonly softCap?: number | undefined
  /** Largest value of queries, keys and values. */
  readonly clip?: number | undefined
  /** Queries grow with their position p: · (1 + beta · ln(1 + ⌊p / original⌋)). */
  readonly queryGrowth?: { readonly beta: number; readonly original: number } | undefined
  /** Values are what the projection of the keys gives, before norm and rotation: there is no projection of their own. */
  readonly valueOfKey?: boolean | undefined
  /** Of the values of each head. */
  readonly valueNorm?: NormKind | undefined
  /** An earlier layer whose keys and values are read: there are no projections of own ones. */
  readonly cacheOf?: number | undefined
  /** Linear biases: what the slopes are multiplied with. */
  readonly linearBias?: number | undefined
}

export type RelativeChoice = BucketsChoice | DisentangledChoice

/**
 * A learned number for each head and range of distances, from one table of all layers (T5; Song et al. 2020): ranges grow
 * with the distance, half of them for keys behind the query.
 */
export interface BucketsChoice {
  readonly kind: 'buckets'
  /** Path of the table, [count, heads], within the base model. */
  readonly table: string
  readonly count: number
  /** Distance from which on there is one range. */
  readonly farthest: number
}

/**
 * Disentangled attention (He et al. 2021): contents are compared with vectors of distances as well. Rows of a table of all
 * layers pass through the projections of queries and keys.
 */
export interface DisentangledChoice {
  readonly kind: 'disentangled'
  /** Paths of the table, [2 · span, D], and of the norm it passes through, within the base model. */
  readonly table: string
  readonly norm: string | undefined
  /** Distances, or ranges of them, on each side. */
  readonly span: number
  /** Ranges grow beyond the half of `span`, up to this distance; undefined for one row for each distance. */
  readonly farthest: number | undefined
  /** Contents of queries are compared with distances ("c2p"), those of keys ("p2c"). */
  readonly ofQueries: boolean
  readonly ofKeys: boolean
  /** Distances have projections of their own. */
  readonly ownProjections: boolean
}

/**
 * Multi-head latent attention (DeepSeek-AI 2024). `headSize` is `rank` + `turned`, the width of what is kept for each token:
 * the latent, from which keys and values of all heads are made, and a key that turns and that all heads share.
 */
export interface LatentChoice {
  readonly rank: number
  /** Channels of a key that do not turn, and that turn. */
  readonly still: number
  readonly turned: number
  /** Channels of a value. */
  readonly value: number
  /** Queries are made of so many numbers as well; undefined for one projection. */
  readonly queryRank?: number | undefined
  readonly norm: NormKind
}

export interface HeadNormChoice {
  readonly over: 'head' | 'each' | 'all'
  readonly norm: NormKind
  readonly afterRope?: boolean | undefined
}

export interface MlpChoice {
  /**
   * `gated`: down(act(gate x) · (up x)); `fused`: the same with one matrix, gate rows first; `plain`: down(act(up x));
   * `clamped`: down((up x + 1) · act(gate x)) with one matrix, gate and up row by row, gate at most 7 and up within ±7.
   */
  readonly kind: 'gated' | 'fused' | 'plain' | 'clamped'
  readonly inner: number
  readonly activation: Activation
  readonly bias: boolean
  /** Projections are stored [in, out], with a bias. */
  readonly storesColumns?: boolean | undefined
  /** The layer has experts in place of one MLP, each of this kind and of width `inner`. */
  readonly experts?: ExpertsChoice | undefined
}

/** Experts of a layer: a router chooses some of them for each token, and their results are added by its weights. */
export interface ExpertsChoice {
  readonly count: number
  readonly routing: Routing
  readonly routerBias?: boolean | undefined
  /** Of their projections; default that of the MLP. */
  readonly kind?: MlpChoice['kind'] | undefined
  /**
   * Files keep a projection of all experts in one tensor. They stay in float, as they do in Python, with every method that
   * has no layout for such a tensor.
   */
  readonly together?: boolean | undefined
  /** An MLP that every token meets besides. */
  readonly shared?: SharedExpertChoice | undefined
}

export interface SharedExpertChoice {
  readonly inner: number
  /** Its result is multiplied by σ of a projection [1, D]. */
  readonly gate?: boolean | undefined
}

export interface InputChoice {
  readonly scale?: number | undefined
  /** Learned positions: how far down its table the row of position 0 stands. */
  readonly positionOffset?: number | undefined
  /** Width of the token table where it is another than that of the hidden states. */
  readonly embeddingSize?: number | undefined
  /** A norm behind the table. */
  readonly norm?: boolean | undefined
}

export interface OutputChoice {
  /** Whether a norm comes before the output matrix; default true. */
  readonly norm?: boolean | undefined
  readonly bias?: boolean | undefined
  readonly scale?: number | undefined
  readonly softCap?: number | undefined
}
