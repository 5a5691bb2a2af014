import { SamplingError } from './errors.js'

/** Settings about single tokens, with the names, meanings and order of transformers; what is left out has no effect. */
export interface TokenConstraints {
  /** What is added to the logit of the last token of a sequence, where those before it have just come. */
  readonly sequenceBias?: readonly SequenceBias[] | undefined
  /** No run of so many tokens comes twice, in prompt or answer; 0 means any may. */
  readonly noRepeatNgramSize?: number | undefined
  /** Sequences that never come, none of them empty. An end token alone is left out. */
  readonly badWordsIds?: readonly (readonly number[])[] | undefined
  /** No end token before so many tokens, those of the prompt included. */
  readonly minLength?: number | undefined
  /** No end token before so many tokens of the answer. */
  readonly minNewTokens?: number | undefined
  /** The token after a prompt of a single token. */
  readonly forcedBosTokenId?: number | undefined
  /** The only tokens at the last position. */
  readonly forcedEosTokenId?: readonly number[] | undefined
  /** Tokens that never come. */
  readonly suppressTokens?: readonly number[] | undefined
  /** Tokens that are not the first of the answer. */
  readonly beginSuppressTokens?: readonly number[] | undefined
}

/** Token ids, at least one, and the bias of the last. */
export type SequenceBias = readonly [readonly number[], number]

/** The settings, and what they are about in one generation. */
export interface TokenRules extends TokenConstraints {
  readonly eosTokenIds: readonly number[]
  readonly promptLength: number
  /** Tokens at most, those of the prompt included. */
  readonly maxLength: number
}

/**
 * Checks the tokens that rules name, once for a generation. Tokens to leave out may be beyond the vocabulary: they cannot
 * come anyway.
 *
 * @param vocabulary number of logits.
 * @throws SamplingError TOKEN_OUT_OF_RANGE
 */
export function checkRules(rules: TokenRules, vocabulary: number): void {
  const { sequenceBias = [], badWordsIds = [], forcedBosTokenId, forcedEosTokenId = [] } = rules
  for (const [sequence] of sequenceBias) checkTokens(sequence, vocabulary)
  for (const sequence of badWordsIds) checkTokens(sequence, vocabulary)
  if (forcedBosTokenId !== undefined) checkTokens([forcedBosTokenId], vocabulary)
  checkTokens(forcedEosTokenId, vocabulary)
}

/**
 * Adds the biases of sequences to `logits` (SequenceBiasLogitsProcessor). Comes before the repetition penalty. Of
 * tokens that `checkRules` has checked, as `forbidTokens`.
 */
export function addBiases(logits: Float32Array, tokens: readonly number[], rules: TokenRules): void {
  for (const [sequence, bias] of rules.sequenceBias ?? []) {
    if (isNext(sequence, tokens)) logits[sequence.at(-1)!]! += bias
  }
}

/**
 * Makes -Infinity of the logits of tokens that may not come, in the order of `_get_logits_processor` of transformers.
 * Comes after the repetition penalty and before the temperature.
 */
export function forbidTokens(logits: Float32Array, tokens: readonly number[], rules: TokenRules): void {
  const { noRepeatNgramSize = 0, eosTokenIds } = rules
  if (noRepeatNgramSize > 0) forbidRepeatedRuns(logits, tokens, noRepeatNgramSize)
  for (const sequence of rules.badWordsIds ?? []) {
    const isEnd = sequence.length === 1 && eosTokenIds.includes(sequence[0]!)
    if (!isEnd && isNext(sequence, tokens)) forbid(logits, sequence.slice(-1))
  }
  if (tokens.length < earliestEnd(rules)) forbid(logits, eosTokenIds)
  const forced = forcedAt(tokens.length, rules)
  if (forced !== undefined) allowOnly(logits, forced)
  forbid(logits, rules.suppressTokens ?? [])
  if (tokens.length === firstFree(rules)) forbid(logits, rules.beginSuppressTokens ?? [])
}

const earliestEnd = ({ minLength = 0, minNewTokens = 0, promptLength }: TokenRules): number =>
  Math.max(minLength, minNewTokens > 0 ? promptLength + minNewTokens : 0)

function forcedAt(position: number, rules: TokenRules): readonly number[] | undefined {
  const { forcedBosTokenId, forcedEosTokenId = [], maxLength } = rules
  if (forcedEosTokenId.length > 0 && position === maxLength - 1) return forcedEosTokenId
  return forcedBosTokenId !== undefined && position === 1 ? [forcedBosTokenId] : undefined
}

/** The first position of the answer whose token is not forced. */
const firstFree = ({ promptLength, forcedBosTokenId }: TokenRules): number =>
  promptLength === 1 && forcedBosTokenId !== undefined ? 2 : promptLength

/** Forbids every token that followed where the last `size` - 1 tokens came before. */
function forbidRepeatedRuns(logits: Float32Array, tokens: readonly number[], size: number): void {
  for (let end = size - 1; end < tokens.length; end++) {
    const isRepeated = areEqual(tokens, end - size + 1, tokens, tokens.length - size + 1, size - 1)
    if (isRepeated) forbid(logits, tokens.slice(end, end + 1))
  }
}

/** True if `tokens` end with all of `sequence` but its last token. */
function isNext(sequence: readonly number[], tokens: readonly number[]): boolean {
  const count = sequence.length - 1
  return count <= tokens.length && areEqual(tokens, tokens.length - count, sequence, 0, count)
}

/** True if `count` tokens are the same in both, from these positions on. */
function areEqual(
  a: readonly number[],
  from: number,
  b: readonly number[],
  to: number,
  count: number,
): boolean {
  for (let index = 0; index < count; index++) if (a[from + index] !== b[to + index]) return false
  return true
}

/** A typed array has no place for tokens beyond the vocabulary, which cannot come anyway. */
function forbid(logits: Float32Array, tokens: readonly number[]): void {
  for (const token of tokens) logits[token] = Number.NEGATIVE_INFINITY
}

function allowOnly(logits: Float32Array, tokens: readonly number[]): void {
  logits.fill(Number.NEGATIVE_INFINITY)
  for (const token of tokens) logits[token] = 0
}

function checkTokens(tokens: readonly number[], vocabulary: number): void {
  const beyond = tokens.find((token) => token >= vocabulary)
  if (beyond === undefined) return
  throw new SamplingError(
    'TOKEN_OUT_OF_RANGE',
    `a generation setting names token id ${beyond}, but there are ${vocabulary} logits`,
    {
      found: beyond,
      expected: vocabulary,
      hint: 'Correct sequenceBias, badWordsIds or the forced tokens, in the call or in generation_config.json.',
    },
  )
}
