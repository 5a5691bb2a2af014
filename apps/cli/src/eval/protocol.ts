import type { EncoderTask } from 'hfquant'
import type { Progress } from '../output/terminal.js'

/** What the parent process and an evaluating child say to each other. */

export type Compute = 'fast' | 'exact'

/** The file of what the first model computed is open under this number in the child, if there is one. */
export const REFERENCE_FD = 4

export interface EvalTask {
  readonly kind: 'decoder'
  readonly folder: string
  readonly compute: Compute
  /** Token ids, none longer than the model's context. */
  readonly sequences: readonly (readonly number[])[]
  /** 'write': this is the first model; 'read': compare with it; 'none': there is only one. */
  readonly reference: 'write' | 'read' | 'none'
}

export interface EncoderEvalTask {
  readonly kind: 'encoder'
  readonly folder: string
  readonly compute: Compute
  readonly computes: EncoderTask
  readonly texts: readonly string[]
  readonly reference: 'write' | 'read' | 'none'
  /** What the first model gave, once it has. */
  readonly first: EncoderOutputs | undefined
}

/** The form of what an encoder gives, which two models have in common if they can be compared. */
export interface EncoderOutputs {
  /** Of each text: 1, or its tokens. */
  readonly rows: readonly number[]
  /** Channels of a vector, classes, or tokens of the vocabulary. */
  readonly columns: number
  readonly labels: readonly string[]
}

export interface EncoderEvalResult extends EvalMemory {
  readonly outputs: EncoderOutputs
  /** Mean cosine of the vectors of both models; null for a model with a head. */
  readonly cosine: number | null
  /** The least of them. */
  readonly leastCosine: number | null
  /** Share of rows where both models find the same class, or token, the likeliest; null for a model without a head. */
  readonly agreement: number | null
  readonly textsPerSecond: number
}

export interface EvalResult extends EvalMemory {
  /** Mean negative log-likelihood of a predicted token, natural logarithm. */
  readonly loss: number
  /** Mean Kullback-Leibler divergence of a predicted token, KL(first model || this one), natural logarithm. */
  readonly kl: number
  /** Share of predicted tokens where both models find the same token the likeliest. */
  readonly top1Agreement: number
  /** Greedy decoding; null if the context has no room for two tokens. */
  readonly tokensPerSecond: number | null
}

export interface EvalMemory {
  /** Memory of the process alone, with the model still loaded; null where the system does not tell. */
  readonly anonymousBytes: number | null
  /** Pages of files, which other processes share, at the same moment. */
  readonly fileBackedBytes: number | null
  /** The most of both together, loading included. */
  readonly peakRssBytes: number
}

export interface ResultOf {
  readonly decoder: EvalResult
  readonly encoder: EncoderEvalResult
}

export type ChildMessage =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'result'; readonly result: ResultOf[keyof ResultOf] }
  | {
      readonly kind: 'error'
      /** Undefined for an error that is not typed. */
      readonly code: string | undefined
      readonly message: string
      readonly hint: string | undefined
      readonly stack: string | undefined
    }
