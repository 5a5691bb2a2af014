import { logProbabilities, type TokenLogprobs } from '../sampling/log-probabilities.js'
import { checkLogits } from '../sampling/sampler.js'
import type { Keep } from './decoder.js'

/** Scores the tokens of a text while it is read. */
export interface Scoring {
  /** Reads a part of the text, and scores its tokens, the first one of the text excepted. */
  read(
    part: readonly number[],
    run: (part: readonly number[], keep: Keep) => Promise<void>,
  ): Promise<undefined>
  /** Begins with the first token again. */
  restart(): void
  /** Of every token but the first. */
  readonly scores: readonly TokenLogprobs[]
}

/** Tokens that are read at once: each has a row of logits. */
export const SCORED_PART = 256

/** @param top likeliest tokens to tell of in the place of each. */
export function createScoring(ids: readonly number[], top: number): Scoring {
  let scores: TokenLogprobs[] = []
  let position = 0
  return {
    async read(part, run) {
      await run(part, (logits) => {
        const vocabulary = logits.length / part.length
        for (let row = 0; row < part.length && position + row + 1 < ids.length; row++) {
          const after = logits.subarray(row * vocabulary, (row + 1) * vocabulary)
          checkLogits(after)
          scores.push(logProbabilities(after, ids[position + row + 1]!, top))
        }
        return part.length
      })
      position += part.length
      return undefined
    },
    restart() {
      scores = []
      position = 0
    },
    get scores() {
      return scores
    },
  }
}
