import type { LayerCache } from '@hfquant/core/runtime'
import type { TokenLogprobs } from '../sampling/log-probabilities.js'
import type { SequenceSettings } from '../sampling/sampler-config.js'
import type { ErrorRecord } from './error-record.js'
import type { SessionCounters } from './session-counters.js'

/** What the main thread and the session worker say to each other. Large arrays are transferred, not copied. */

/** The shape of a decoder's key/value cache. */
export interface CacheShape {
  readonly layers: readonly LayerCache[]
  /** Tokens beyond which a sequence has other positions, from its first token on; see ModelFacts.longRope. */
  readonly longRope?: number | undefined
  /** Type of its elements; float32 unless something else is asked for. */
  readonly dtype?: CacheDtype | undefined
}

export type CacheDtype = 'float32' | 'float16'

/** Bytes of key/value caches. */
export interface CacheBytes {
  readonly total: number
  /** Of these, caches of sequences that have ended: they are kept for prompts that begin alike. */
  readonly kept: number
}

/** Where an optimized model is written. */
export interface PrepackTarget {
  readonly modelPath: string
  /** Name of a file beside the model. */
  readonly weightsFile: string
}

export type Request =
  | {
      readonly kind: 'open'
      readonly modelPath: string
      readonly cache: CacheShape
      readonly threads: number
      /** True for a file that the runtime wrote itself: there is nothing left to optimize. */
      readonly optimized: boolean
      /** See SessionOptions. */
      readonly cacheBudget?: number | undefined
      readonly maxSequences?: number | undefined
    }
  | {
      readonly kind: 'prepack'
      readonly modelPath: string
      readonly target: PrepackTarget
      readonly threads: number
    }
  | { readonly kind: 'forward'; readonly ids: Int32Array; readonly batch: number }
  | ({ readonly kind: 'next' } & NextToken)
  | ({ readonly kind: 'admit' } & AdmitTokens)
  | ({ readonly kind: 'score' } & ScoreTokens)
  | { readonly kind: 'free'; readonly sequence: number }
  | { readonly kind: 'cacheBytes' }
  | ({ readonly kind: 'openGraph' } & GraphOpening)
  | {
      readonly kind: 'run'
      readonly feeds: TensorRecord
      readonly outputs: readonly string[]
      readonly into: TensorRecord
    }
  | { readonly kind: 'accumulate'; readonly feeds: TensorRecord; readonly sums: readonly SumPort[] }
  | { readonly kind: 'takeSums' }
  | { readonly kind: 'closeGraph' }
  | { readonly kind: 'close' }

/** How a graph is opened that any inputs are given to. */
export interface GraphOpening {
  readonly modelPath: string
  readonly threads: number
  /** True for a file that the runtime wrote itself: there is nothing left to optimize. */
  readonly optimized?: boolean | undefined
  /** True for one that answers requests: its threads stay awake between products. */
  readonly serves?: boolean | undefined
}

/** A tensor on its way between threads, row-major. */
export interface GraphTensor {
  readonly dtype: 'float32' | 'int64' | 'int32' | 'bool'
  readonly shape: readonly number[]
  readonly data: Float32Array | BigInt64Array | Int32Array | Uint8Array
}

export type TensorRecord = Readonly<Record<string, GraphTensor>>

/** A float32 output that is fed back as an input of the next run; zeros at first. */
export interface SumPort {
  readonly input: string
  readonly output: string
  readonly shape: readonly number[]
}

/** Tokens that go on with a sequence, or, with an unknown number, begin one. */
export interface NextToken extends AdmitTokens {
  /** Tokens that are likely to come behind them. */
  readonly draft?: Int32Array | undefined
}

export interface AdmitTokens {
  readonly sequence: number
  readonly ids: Int32Array
  /** How the tokens of the sequence are chosen: read when it begins, and not needed afterwards. */
  readonly sampling?: SequenceSettings | undefined
}

/** A text whose tokens are scored; a sequence that nothing goes on with. */
export interface ScoreTokens extends Omit<AdmitTokens, 'sampling'>, Pick<SequenceSettings, 'scope'> {
  /** Likeliest tokens to tell of in the place of each. */
  readonly top: number
}

export interface ScoredTokens {
  /** Of every token but the first. */
  readonly scores: readonly TokenLogprobs[]
}

/** What came of such tokens. */
export interface NextTokens {
  /** At least one; see SequenceHandle.next. */
  readonly tokens: readonly number[]
  /** Of each of them, where the settings of the sequence ask for it. */
  readonly logprobs?: readonly TokenLogprobs[]
  /** How many of the tokens that were asked about had their keys and values in the cache. */
  readonly cached: number
}

export interface Call {
  readonly id: number
  readonly request: Request
}

/** What each kind of request is answered with. */
export interface Answers {
  readonly open: {
    /** Tokens that a sequence can have at most. */
    readonly longest: number
  }
  readonly prepack: Done
  readonly forward: { readonly logits: Float32Array }
  readonly next: NextTokens
  readonly admit: { readonly cached: number }
  readonly score: ScoredTokens
  readonly free: Done
  readonly cacheBytes: { readonly cacheBytes: CacheBytes }
  readonly openGraph: Done
  readonly run: Tensors
  readonly accumulate: Tensors
  readonly takeSums: Tensors
  readonly closeGraph: Done
  readonly close: Done
}

export type Answer = Answers[Request['kind']]

type Tensors = { readonly tensors: TensorRecord }
type Done = { readonly done: true }

export type Reply = { readonly id: number } & ({ readonly answer: Answer } | { readonly error: ErrorRecord })

/** What the thread says without being asked. */
export interface CountersMessage {
  readonly counters: SessionCounters
}
