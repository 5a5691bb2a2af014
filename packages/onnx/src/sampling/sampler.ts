import { openGrammar } from '@hfquant/grammar/matcher'
import { SamplingError } from './errors.js'
import {
  addBias,
  checkBias,
  filterLogits,
  penalizeChosen,
  penalizeRepetition,
  softmaxWeights,
  sum,
} from './logits-processor.js'
import { createRandom, type Random } from './random.js'
import type { SamplerConfig } from './sampler-config.js'
import { applyMask } from './token-mask.js'
import { addBiases, checkRules, forbidTokens } from './token-rules.js'

/**
 * Chooses the next token from its logits (float32 [vocabulary]; left unchanged). `previousTokens` are prompt and
 * answer so far, which the repetition penalty and the rules read.
 */
export type Sampler = (logits: Float32Array, previousTokens: readonly number[]) => number

/**
 * A sampler with the processors of transformers in their order: biases of sequences, repetition penalty, [presence and
 * frequency penalty, biases of tokens], tokens that may not come, [those that the grammar does not have], temperature,
 * top-k, top-p, min-p. Those in brackets are not in transformers; the penalties are those of OpenAI's API. They, and the
 * grammar, are about the tokens that this sampler has chosen, not about the prompt.
 * Greedy takes the largest logit, the lowest token among equals. Each sampler has its own random sequence: make one
 * for each generation. It throws SamplingError for logits that are NaN, +Infinity, or -Infinity throughout, also
 * where a penalty, a bias, a rule or the grammar made them so, and at the first token for a rule or a bias that names one
 * beyond them; GrammarError for a grammar that is none, or that no token goes on with.
 */
export function createSampler(config: SamplerConfig): Sampler {
  const { doSample, repetitionPenalty, presencePenalty = 0, frequencyPenalty = 0, logitBias, rules } = config
  const random = createRandom(config.seed)
  const counts = new Map<number, number>()
  const grammar = config.grammar && openGrammar(config.grammar)
  const penalizesChosen = presencePenalty !== 0 || frequencyPenalty !== 0
  const leavesLogits =
    repetitionPenalty === 1 &&
    !penalizesChosen &&
    [logitBias, rules, grammar].every((processor) => processor === undefined)
  let scratch = new Float32Array(0)

  return (logits, previousTokens) => {
    checkLogits(logits)
    if (!doSample && leavesLogits) return argmax(logits)
    prepareScratch(logits)
    process(previousTokens)
    const token = doSample ? drawFrom(scratch) : argmax(scratch)
    if (penalizesChosen) counts.set(token, (counts.get(token) ?? 0) + 1)
    grammar?.accept(token)
    return token
  }

  function prepareScratch(logits: Float32Array): void {
    if (scratch.length !== logits.length) {
      if (rules !== undefined) checkRules(rules, logits.length)
      if (logitBias !== undefined) checkBias(logitBias, logits.length)
      scratch = new Float32Array(logits.length)
    }
    scratch.set(logits)
  }

  function process(previousTokens: readonly number[]): void {
    if (rules !== undefined) addBiases(scratch, previousTokens, rules)
    if (repetitionPenalty !== 1) {
      penalizeRepetition(scratch, previousTokens, repetitionPenalty)
      checkLogits(scratch, penalty(repetitionPenalty))
    }
    if (penalizesChosen || logitBias !== undefined) {
      penalizeChosen(scratch, counts, { presencePenalty, frequencyPenalty })
      if (logitBias !== undefined) addBias(scratch, logitBias)
      checkLogits(scratch, ADDED)
    }
    if (rules !== undefined) {
      forbidTokens(scratch, previousTokens, rules)
      checkLogits(scratch, RULES)
    }
    if (grammar !== undefined) {
      applyMask(scratch, grammar.mask())
      checkLogits(scratch, GRAMMAR)
    }
  }

  function drawFrom(logits: Float32Array): number {
    const candidates = filterLogits(logits, config)
    return candidates.ids[draw(softmaxWeights(candidates.logits), random)]!
  }
}

/** What was done to logits before they are looked at, and what to do if that made them unusable. */
interface Step {
  readonly after: string
  readonly hint: string
}

const penalty = (value: number): Step => ({
  after: ` after a repetition penalty of ${value}`,
  hint: 'Give a repetitionPenalty nearer to 1.',
})
const ADDED: Step = {
  after: ' after presencePenalty, frequencyPenalty and logitBias',
  hint: 'Give smaller numbers.',
}
const RULES: Step = {
  after: ' under the rules for tokens',
  hint: 'Allow more: see suppressTokens, badWordsIds, minNewTokens, noRepeatNgramSize and the forced tokens.',
}
const GRAMMAR: Step = {
  after: ' under the grammar',
  hint: 'What else forbids tokens leaves none that the grammar has: see suppressTokens, badWordsIds and the forced tokens.',
}

/** @throws SamplingError for logits that are NaN, +Infinity, or -Infinity throughout. */
export function checkLogits(logits: Float32Array, step?: Step): void {
  const after = step?.after ?? ''
  let possible = false
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!
    if (!(logit < Number.POSITIVE_INFINITY)) {
      throw new SamplingError(
        'LOGITS_INVALID',
        `the logit of token ${token} is ${logit}${after}, expected a finite number`,
        { found: logit, hint: step?.hint ?? OVERFLOWED },
      )
    }
    possible ||= logit !== Number.NEGATIVE_INFINITY
  }
  if (possible) return
  throw new SamplingError('LOGITS_EMPTY', `none of the ${logits.length} tokens is possible${after}`, {
    hint: step?.hint ?? 'All logits are -Infinity: check what masks them.',
  })
}

const OVERFLOWED =
  'The computation overflowed: load the model in a wider dtype or kvCacheDtype, or check its quantization.'

function argmax(logits: Float32Array): number {
  let best = 0
  for (let token = 1; token < logits.length; token++) if (logits[token]! > logits[best]!) best = token
  return best
}

/** A position with a probability in proportion to its weight. */
function draw(weights: Float64Array, random: Random): number {
  let rest = random() * sum(weights)
  for (let position = 0; position < weights.length; position++) {
    rest -= weights[position]!
    if (rest < 0) return position
  }
  // Rounding can leave a rest: the last position that is possible at all takes it.
  return weights.findLastIndex((weight) => weight > 0)
}
