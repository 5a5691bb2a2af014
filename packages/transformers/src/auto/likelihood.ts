/** What a model thinks of a text. */
export interface Likelihood {
  /** Mean negative log-likelihood per predicted token, natural logarithm. */
  readonly loss: number
  /** exp(loss). */
  readonly perplexity: number
  /** Predicted tokens. */
  readonly tokens: number
}

/** Windows over a long text: each is read whole, only tokens that no earlier window scored count. */
export function* windows(
  length: number,
  window: number,
  stride: number,
): Generator<{ readonly start: number; readonly end: number; readonly firstScored: number }> {
  let scored = 1
  for (let start = 0; scored < length; start += stride) {
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

export const likelihood = (negativeLogLikelihood: number, tokens: number): Likelihood => {
  const loss = negativeLogLikelihood / tokens
  return { loss, perplexity: Math.exp(loss), tokens }
}
