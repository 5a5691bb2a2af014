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
  readonly seed: number | undefined
  /** Default: every token may come anywhere. */
  readonly rules?: TokenRules | undefined
}
