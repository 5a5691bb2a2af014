import type { Progress } from '../output/terminal.js'

/** What the parent process and an evaluating child say to each other. */

export type Compute = 'fast' | 'exact'

/** The file of the first model's log-probabilities is open under this number in the child, if there is one. */
export const REFERENCE_FD = 4

export interface EvalTask {
  readonly folder: string
  readonly compute: Compute
  /** Token ids, none longer than the model's context. */
  readonly sequences: readonly (readonly number[])[]
  /** 'write': this is the first model; 'read': compare with it; 'none': there is only one. */
  readonly reference: 'write' | 'read' | 'none'
}

export interface EvalResult {
  /** Mean negative log-likelihood of a predicted token, natural logarithm. */
  readonly loss: number
  /** Mean Kullback-Leibler divergence of a predicted token, KL(first model || this one), natural logarithm. */
  readonly kl: number
  /** Share of predicted tokens where both models find the same token the likeliest. */
  readonly top1Agreement: number
  /** Greedy decoding; null if the context has no room for two tokens. */
  readonly tokensPerSecond: number | null
  /** Memory of the process alone, with the model still loaded; null where the system does not tell. */
  readonly anonymousBytes: number | null
  /** Pages of files, which other processes share, at the same moment. */
  readonly fileBackedBytes: number | null
  /** The most of both together, loading included. */
  readonly peakRssBytes: number
}

export type ChildMessage =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'result'; readonly result: EvalResult }
  | {
      readonly kind: 'error'
      /** Undefined for an error that is not typed. */
      readonly code: string | undefined
      readonly message: string
      readonly hint: string | undefined
      readonly stack: string | undefined
    }
