import { logProbabilities, type TokenLogprobs } from './log-probabilities.js'
import { createSampler } from './sampler.js'
import type { SequenceSettings } from './sampler-config.js'

/** A token, and how likely it was where that is to be told. */
export interface Choice {
  readonly token: number
  readonly logprobs: TokenLogprobs | undefined
}

/** A sampler that tells how likely its tokens were. Throws as samplers do. */
export type Chooser = (logits: Float32Array, previousTokens: readonly number[]) => Choice

export function createChooser(settings: SequenceSettings): Chooser {
  const choose = createSampler(settings)
  const { logprobs: count } = settings
  return (logits, previousTokens) => {
    const token = choose(logits, previousTokens)
    return { token, logprobs: count === undefined ? undefined : logProbabilities(logits, token, count) }
  }
}
