/** Sums over predicted tokens. */
export interface Score {
  readonly tokens: number
  /** Sum of the negative log-likelihoods, natural logarithm. */
  readonly negativeLogLikelihood: number
  /** Sum of KL(reference || model), natural logarithm. */
  readonly divergence: number
  /** Tokens for which reference and model find the same one the likeliest. */
  readonly agreed: number
}

/** Replaces logits by log-probabilities, row by row: [rows, columns]. Sums are in double precision. */
export function toLogProbabilities(logits: Float32Array, columns: number): void {
  for (let start = 0; start < logits.length; start += columns) {
    const row = logits.subarray(start, start + columns)
    const largest = row[likeliest(row)]!
    let sum = 0
    for (let column = 0; column < columns; column++) sum += Math.exp(row[column]! - largest)
    const normalizer = largest + Math.log(sum)
    for (let column = 0; column < columns; column++) row[column]! -= normalizer
  }
}

/**
 * @param logProbabilities of the model: [targets, columns]
 * @param targets the token that follows each row
 * @param reference log-probabilities of the first model for the same rows; undefined for the first model itself
 */
export function score(
  logProbabilities: Float32Array,
  targets: readonly number[],
  columns: number,
  reference: Float32Array | undefined,
): Score {
  let negativeLogLikelihood = 0
  let divergence = 0
  let agreed = 0
  for (const [index, target] of targets.entries()) {
    const own = logProbabilities.subarray(index * columns, (index + 1) * columns)
    negativeLogLikelihood -= own[target]!
    if (reference === undefined) {
      agreed += 1
      continue
    }
    const first = reference.subarray(index * columns, (index + 1) * columns)
    divergence += divergenceOf(first, own)
    if (likeliest(first) === likeliest(own)) agreed += 1
  }
  return { tokens: targets.length, negativeLogLikelihood, divergence, agreed }
}

/** KL(p || q) = Σ p · (log p − log q); what p holds impossible adds nothing. */
function divergenceOf(logP: Float32Array, logQ: Float32Array): number {
  let sum = 0
  for (let column = 0; column < logP.length; column++) {
    const p = Math.exp(logP[column]!)
    if (p > 0) sum += p * (logP[column]! - logQ[column]!)
  }
  return sum
}

/** The first of the largest numbers. */
export function likeliest(row: Float32Array): number {
  let best = 0
  for (let column = 1; column < row.length; column++) {
    if (row[column]! > row[best]!) best = column
  }
  return best
}
