import { SamplingError } from './errors.js'
import type { LogitBias, SamplerConfig } from './sampler-config.js'
import { kthLargest, visitDescending } from './select-top.js'

/** The tokens that may still be chosen, by ascending token, with their processed logits. Both have the same length. */
export interface Candidates {
  readonly ids: Int32Array
  readonly logits: Float32Array
}

/** Settings that change what may be sampled. */
export type ProcessorSettings = Pick<SamplerConfig, 'temperature' | 'topK' | 'topP' | 'minP'>

/**
 * Divides positive logits of tokens that occurred before by `penalty` and multiplies the others, once a token
 * (Keskar et al., "CTRL", as RepetitionPenaltyLogitsProcessor). Changes `logits`.
 */
export function penalizeRepetition(
  logits: Float32Array,
  previousTokens: readonly number[],
  penalty: number,
): void {
  for (const token of new Set(previousTokens)) {
    const logit = logits[token]
    if (logit === undefined) {
      throw new SamplingError(
        'TOKEN_OUT_OF_RANGE',
        `token id ${token} occurred, but there are ${logits.length} logits`,
        {
          found: token,
          expected: logits.length,
          hint: 'Check that tokenizer and model belong together.',
        },
      )
    }
    logits[token] = logit < 0 ? logit * penalty : logit / penalty
  }
}

/**
 * Subtracts penalties from the logits of tokens that were chosen before: `presencePenalty` once, `frequencyPenalty` as often
 * as they were (OpenAI's API reference, "frequency and presence penalties"). Changes `logits`.
 *
 * @param counts how often each of them was.
 */
export function penalizeChosen(
  logits: Float32Array,
  counts: ReadonlyMap<number, number>,
  { presencePenalty, frequencyPenalty }: { presencePenalty: number; frequencyPenalty: number },
): void {
  for (const [token, count] of counts) {
    logits[token]! -= presencePenalty + frequencyPenalty * count
  }
}

/** Adds biases that `checkBias` has checked. Changes `logits`. */
export function addBias(logits: Float32Array, { ids, values }: LogitBias): void {
  for (const [index, token] of ids.entries()) logits[token]! += values[index]!
}

/**
 * @param vocabulary number of logits.
 * @throws SamplingError TOKEN_OUT_OF_RANGE for a bias of a token beyond them.
 */
export function checkBias({ ids }: LogitBias, vocabulary: number): void {
  const beyond = ids.find((token) => token >= vocabulary)
  if (beyond === undefined) return
  throw new SamplingError(
    'TOKEN_OUT_OF_RANGE',
    `logitBias names token id ${beyond}, but there are ${vocabulary} logits`,
    {
      ...{ field: 'logitBias', found: beyond, expected: `0 to ${vocabulary - 1}` },
      hint: 'Use the ids of the tokenizer that belongs to the model.',
    },
  )
}

/**
 * Temperature, top-k, top-p and min-p, in this order, with the results of the logits warpers of transformers.
 * Changes `logits` (float32 [vocabulary], without NaN or +Infinity, one of them finite). Tokens of logit -Infinity are
 * never candidates; at least one token is.
 */
export function filterLogits(logits: Float32Array, settings: ProcessorSettings): Candidates {
  const { temperature, topK, topP, minP } = settings
  if (temperature !== 1) divideByTemperature(logits, temperature)
  const byCount = keepTopK(logits, topK)
  const byMass = topP < 1 ? keepTopP(byCount, topP) : byCount
  return minP === undefined ? byMass : keepMinP(byMass, minP)
}

/**
 * A very low temperature takes the quotients out of the range of float32. The largest logit is subtracted then, which
 * changes no probability; otherwise it is not, because the quotients are to be those of transformers.
 */
function divideByTemperature(logits: Float32Array, temperature: number): void {
  const largest = largestOf(logits)
  const shift = Number.isFinite(Math.fround(largest / temperature)) ? 0 : largest
  for (let token = 0; token < logits.length; token++) logits[token] = (logits[token]! - shift) / temperature
}

/** Keeps the `topK` largest and everything equal to the least of them; all if `topK` is 0. */
function keepTopK(logits: Float32Array, topK: number): Candidates {
  const threshold = topK > 0 && topK < logits.length ? kthLargest(logits, topK) : Number.NEGATIVE_INFINITY
  let count = 0
  const ids = new Int32Array(logits.length)
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!
    if (logit >= threshold && logit !== Number.NEGATIVE_INFINITY) ids[count++] = token
  }
  return pick(logits, ids.subarray(0, count))
}

/** Keeps the smallest set of most likely tokens whose probability reaches `topP`, at least one token. */
function keepTopP(candidates: Candidates, topP: number): Candidates {
  const { ids, logits } = candidates
  const weights = softmaxWeights(logits)
  const needed = topP * sum(weights)
  const kept = new Int32Array(ids.length)
  let count = 0
  let reached = 0
  visitDescending(ids, logits, (position) => {
    kept[count++] = position
    reached += weights[position]!
    return reached < needed
  })
  return choose(candidates, kept.subarray(0, count).sort())
}

/** Keeps tokens of at least `minP` times the largest probability. */
function keepMinP(candidates: Candidates, minP: number): Candidates {
  // The weight of the most likely token is 1, so weights are the fractions to compare.
  const weights = softmaxWeights(candidates.logits)
  const kept = new Int32Array(weights.length)
  let count = 0
  for (let position = 0; position < weights.length; position++) {
    if (weights[position]! >= minP) kept[count++] = position
  }
  return choose(candidates, kept.subarray(0, count))
}

/** exp(logit - largest logit): probabilities up to a common factor, without overflow. */
export function softmaxWeights(logits: Float32Array): Float64Array {
  const largest = largestOf(logits)
  const weights = new Float64Array(logits.length)
  // A plain loop: over a whole vocabulary the callback of `from` costs ten times as much.
  for (let position = 0; position < logits.length; position++) {
    weights[position] = Math.exp(logits[position]! - largest)
  }
  return weights
}

function largestOf(logits: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY
  for (const logit of logits) if (logit > largest) largest = logit
  return largest
}

/** The sum of non-negative weights. */
export function sum(weights: Float64Array): number {
  let total = 0
  for (const weight of weights) total += weight
  return total
}

/** The entries of `logits` at `ids`, in that order. */
function pick(logits: Float32Array, ids: Int32Array): Candidates {
  const picked = new Float32Array(ids.length)
  for (let position = 0; position < ids.length; position++) picked[position] = logits[ids[position]!]!
  return { ids, logits: picked }
}

/** The candidates at `positions`, in that order. */
function choose({ ids, logits }: Candidates, positions: Int32Array): Candidates {
  const { logits: chosen } = pick(logits, positions)
  const chosenIds = new Int32Array(positions.length)
  for (let index = 0; index < positions.length; index++) chosenIds[index] = ids[positions[index]!]!
  return { ids: chosenIds, logits: chosen }
}
