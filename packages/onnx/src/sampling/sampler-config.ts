import type { CompiledGrammar } from '@hfquant/grammar/matcher'
import type { TokenRules } from './token-rules.js'

/** How tokens are chosen. */
export interface SamplerConfig {
  /** Choose at random (true) or take the most likely token (false). */
  readonly doSample: boolean
  /** Divides the logits. Above 0 if doSample. */
  readonly temperature: number
  /** 0: no limit. */
  readonly topK: number
  /** From 0 to 1. */
  readonly topP: number
  /** From 0 to 1. */
  readonly minP: number | undefined
  /** Above 0; 1: none. */
  readonly repetitionPenalty: number
  /** Subtracted from the logit of every token that was chosen before. Default 0. */
  readonly presencePenalty?: number | undefined
  /** Subtracted from the logit of a token, times how often it was chosen before. Default 0. */
  readonly frequencyPenalty?: number | undefined
  /** Default: none. */
  readonly logitBias?: LogitBias | undefined
  readonly seed: number | undefined
  /** Default: every token may come anywhere. */
  readonly rules?: TokenRules | undefined
  /** What the text of the chosen tokens has to be. Default: any. */
  readonly grammar?: CompiledGrammar | undefined
}

/** What is added to the logits of some tokens: `values[i]` to that of `ids[i]`. */
export interface LogitBias {
  readonly ids: readonly number[]
  /** Finite numbers. */
  readonly values: readonly number[]
}

/** How the tokens of a sequence are chosen, and what is told about them. */
export interface SequenceSettings extends SamplerConfig {
  /**
   * Tell the log-probability of every chosen token, and of so many of the likeliest tokens in its place. Default: of none.
   */
  readonly logprobs?: number | undefined
  /** Tokens that are chosen at most: room is held for some of them from the beginning. Default: any number. */
  readonly maxNewTokens?: number | undefined
  /**
   * Tokens that end the text. The session then goes on by itself with what was chosen, up to eight tokens beyond the last one
   * that was asked for, and until one of these: each call of `next` has to go on with the token of the one before, without a
   * draft; it is refused with SEQUENCE_GONE_ON otherwise. Default: nothing is chosen before it is asked for.
   */
  readonly endTokenIds?: readonly number[] | undefined
  /**
   * What is cached of a sequence is found by sequences of the same scope only: how long a prompt takes tells whether another
   * one began alike. Default: a scope of all that name none.
   */
  readonly scope?: string | undefined
}
