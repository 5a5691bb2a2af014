import { ConfigError } from '@hfquant/core'
import type { ForwardResult } from './forward-result.js'

/** What a model thinks of a text. */
export interface Likelihood {
  /** Mean negative log-likelihood per predicted token, natural logarithm. */
  readonly loss: number
  /** exp(loss). */
  readonly perplexity: number
  /** Predicted tokens. */
  readonly tokens: number
}

export interface ScoreOptions {
  readonly contextLength: number
  /** Tokens of a window at most. */
  readonly maxLength?: number | undefined
  /** By how much windows advance. */
  readonly stride?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** @throws ConfigError PERPLEXITY_INPUT for fewer than two tokens, or a stride outside of 1 to maxLength. */
export async function scoreTokens(
  ids: readonly number[],
  forward: (inputIds: readonly (readonly number[])[]) => Promise<ForwardResult>,
  { contextLength, maxLength = contextLength, stride, signal }: ScoreOptions,
): Promise<Likelihood> {
  const window = Math.min(maxLength, contextLength)
  const step = stride ?? window
  if (ids.length < 2 || !(step >= 1 && step <= window && window >= 2)) {
    throw new ConfigError(
      'PERPLEXITY_INPUT',
      `${ids.length} tokens with stride ${step} and windows of ${window}`,
      {
        field: ids.length < 2 ? 'text' : 'stride',
        expected: 'at least two tokens, and a stride of 1 to maxLength',
        hint:
          ids.length < 2
            ? 'Give a longer text.'
            : 'Choose a stride from 1 to maxLength, and a maxLength of at least 2.',
      },
    )
  }
  let negative = 0
  for (const { start, end, firstScored } of windows(ids.length, window, step)) {
    signal?.throwIfAborted()
    const { logits, shape } = await forward([ids.slice(start, end)])
    for (let index = firstScored; index < end; index++) {
      const row = (index - 1 - start) * shape[2]
      negative -= logProbability(logits.subarray(row, row + shape[2]), ids[index]!)
    }
  }
  const tokens = ids.length - 1
  const loss = negative / tokens
  return { loss, perplexity: Math.exp(loss), tokens }
}

/**
 * Windows over a long text: each is read whole, only tokens that no earlier window scored count. A window begins at the
 * last scored token at the latest, so that every token but the first is predicted once.
 */
function* windows(
  length: number,
  window: number,
  stride: number,
): Generator<{ readonly start: number; readonly end: number; readonly firstScored: number }> {
  let scored = 1
  for (let start = 0; scored < length; start = Math.min(start + stride, scored - 1)) {
    const end = Math.min(start + window, length)
    yield { start, end, firstScored: scored }
    scored = end
  }
}

/** Natural logarithm of the probability of `token` under one row of logits, in double precision. */
export function logProbability(logits: Float32Array, token: number): number {
  let largest = Number.NEGATIVE_INFINITY
  for (const value of logits) if (value > largest) largest = value
  let sum = 0
  for (const value of logits) sum += Math.exp(value - largest)
  return logits[token]! - largest - Math.log(sum)
}
