import type { GenerationUsage, ScoredToken } from 'hfquant'
import type { AnswerPart } from './answer-parts.js'

/**
 * The scores of a prompt, and then an answer to it, which finds the prompt in the cache.
 *
 * @throws what `score` throws.
 */
export async function* behindScores(
  score: () => Promise<readonly ScoredToken[]>,
  answer: AsyncGenerator<AnswerPart>,
): AsyncGenerator<AnswerPart> {
  yield { events: [], logprobs: [], promptScores: await score() }
  yield* answer
}

/** The answer of no token. */
export async function* noAnswer(usage: GenerationUsage): AsyncGenerator<AnswerPart> {
  yield { events: [], logprobs: [], finish: 'length', usage: { ...usage, reasoningTokens: 0 } }
}
