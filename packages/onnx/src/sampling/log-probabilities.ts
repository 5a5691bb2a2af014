/** How likely a token was, and which ones were the likeliest in its place. */
export interface TokenLogprobs {
  /** Natural logarithm of its probability under the model's own logits; -Infinity for an impossible token. */
  readonly logprob: number
  /** The likeliest tokens, the likeliest first, of equal ones the lowest id first. */
  readonly top: readonly TokenLogprob[]
}

export type TokenLogprob = readonly [tokenId: number, logprob: number]

/**
 * Log-softmax of one row of logits (float32 [vocabulary]), in double precision and in one pass: the sum of exponentials is
 * kept relative to the largest logit so far (Milakov and Gimelshein, "Online normalizer calculation for softmax").
 *
 * @param count of the likeliest tokens, 0 or more.
 */
export function logProbabilities(logits: Float32Array, token: number, count: number): TokenLogprobs {
  const likeliest: number[] = []
  let largest = Number.NEGATIVE_INFINITY
  let sum = 0
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!
    if (logit > largest) {
      sum = sum * Math.exp(largest - logit) + 1
      largest = logit
    } else if (logit !== Number.NEGATIVE_INFINITY) sum += Math.exp(logit - largest)
    if (likeliest.length < count || logit > logits[likeliest.at(-1)!]!) insert(likeliest, id, count, logits)
  }
  const logProbability = (id: number) => logits[id]! - largest - Math.log(sum)
  return { logprob: logProbability(token), top: likeliest.map((id) => [id, logProbability(id)]) }
}

/** Puts `id` behind those that are as likely as it is, and keeps `count`. */
function insert(likeliest: number[], id: number, count: number, logits: Float32Array): void {
  if (count === 0) return
  let at = likeliest.length
  while (at > 0 && logits[likeliest[at - 1]!]! < logits[id]!) at -= 1
  likeliest.splice(at, 0, id)
  if (likeliest.length > count) likeliest.pop()
}
