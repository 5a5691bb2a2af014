import type { LogitBias, SequenceBias, SequenceSettings, TokenConstraints } from '@hfquant/onnx'

/** What a caller may say about one generation; each option replaces the field of generation_config.json. */
export interface GenerationOptions {
  /** New tokens at most. Wins over maxLength. */
  readonly maxNewTokens?: number | undefined
  /** Tokens at most, prompt included. */
  readonly maxLength?: number | undefined
  /** Choose at random (true) or take the most likely token (false). Default: see resolveGenerationConfig. */
  readonly doSample?: boolean | undefined
  /** Divides the logits; below 1 sharper, above 1 flatter, 0 means greedy. Default 1. */
  readonly temperature?: number | undefined
  /** Sample from this many of the most likely tokens; 0 means all. Default 50. */
  readonly topK?: number | undefined
  /** Sample from the fewest most likely tokens that together have this probability. Default 1. */
  readonly topP?: number | undefined
  /** Drop tokens below this fraction of the most likely token's probability. Default: none. */
  readonly minP?: number | undefined
  /** Above 1 discourages tokens that occurred before, in prompt or answer. Default 1. */
  readonly repetitionPenalty?: number | undefined
  /** Subtracted from the logits of tokens that the answer has already. Default 0. */
  readonly presencePenalty?: number | undefined
  /** Subtracted from the logits of tokens that the answer has already, as often as it has them. Default 0. */
  readonly frequencyPenalty?: number | undefined
  /** What is added to the logits of tokens, by their ids. Default: nothing. */
  readonly logitBias?: { readonly [tokenId: number]: number } | undefined
  /**
   * Tell with each piece how likely its token was, and so many of the likeliest tokens in its place, 0 to 20. Default: do
   * not tell.
   */
  readonly logprobs?: number | undefined
  /** Equal seeds give equal random choices. Default: a new one each time. */
  readonly seed?: number | undefined
  /** End before any of these texts. */
  readonly stop?: string | readonly string[] | undefined
  /** End at any of these tokens. */
  readonly eosTokenId?: number | readonly number[] | undefined
  readonly padTokenId?: number | undefined
  readonly bosTokenId?: number | undefined
  /** Go on to the length limit, whatever tokens come. Default false. */
  readonly ignoreEos?: boolean | undefined
  /** No end token before so many new tokens. Default 0. */
  readonly minNewTokens?: number | undefined
  /** No end token before so many tokens, prompt included. Default 0. */
  readonly minLength?: number | undefined
  /** No run of so many tokens comes twice, in prompt or answer; 0 means any may. Default 0. */
  readonly noRepeatNgramSize?: number | undefined
  /** Tokens that never come. */
  readonly suppressTokens?: readonly number[] | undefined
  /** Tokens that do not come first. */
  readonly beginSuppressTokens?: readonly number[] | undefined
  /** Sequences of tokens that never come. */
  readonly badWordsIds?: readonly (readonly number[])[] | undefined
  /** What is added to the logit of the last token of a sequence, once those before it have come. */
  readonly sequenceBias?: readonly SequenceBias[] | undefined
  /** The token after a prompt of one token. */
  readonly forcedBosTokenId?: number | undefined
  /** The token, or one of the tokens, at the length limit. */
  readonly forcedEosTokenId?: number | readonly number[] | undefined
  /**
   * Check up to so many tokens at once that followed where prompt or answer went on from the same tokens before; pays where
   * an answer quotes its prompt. 0 means none. Default 0.
   */
  readonly promptLookupNumTokens?: number | undefined
}

/** The settings of one generation, complete and checked. */
export interface GenerationConfig extends Omit<SequenceSettings, 'rules' | 'scope' | 'grammar'> {
  readonly maxNewTokens: number | undefined
  readonly maxLength: number | undefined
  readonly stop: readonly string[]
  /** Empty if ignoreEos. */
  readonly eosTokenIds: readonly number[]
  readonly padTokenId: number | undefined
  readonly bosTokenId: number | undefined
  /** Undefined if every token may come anywhere. */
  readonly constraints: TokenConstraints | undefined
  /** 0: every token is computed by itself. */
  readonly promptLookupNumTokens: number
}

/** One option: how it is called in generation_config.json, and which values it takes. */
interface OptionField<T> {
  readonly fileKey?: string
  readonly expected: string
  /** The value in its final form, or undefined if it is unusable. */
  read(value: unknown): T | undefined
}

const wholeFrom = (least: number, fileKey?: string): OptionField<number> => ({
  ...(fileKey !== undefined && { fileKey }),
  expected: `a whole number of at least ${least}`,
  read: (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= least ? value : undefined,
})

const numberWhere = (
  fileKey: string,
  expected: string,
  fits: (value: number) => boolean,
): OptionField<number> => ({
  fileKey,
  expected,
  read: (value) => (typeof value === 'number' && Number.isFinite(value) && fits(value) ? value : undefined),
})

const truth = (fileKey?: string): OptionField<boolean> => ({
  ...(fileKey !== undefined && { fileKey }),
  expected: 'true or false',
  read: (value) => (typeof value === 'boolean' ? value : undefined),
})

/** A list of what `item` accepts, which may be empty. */
const listOf = <T>(
  item: (value: unknown) => T | undefined,
  fileKey: string,
  expected: string,
): OptionField<T[]> => ({
  fileKey,
  expected,
  read(value) {
    const items = Array.isArray(value) ? value.map(item) : [undefined]
    return items.every((one) => one !== undefined) ? items : undefined
  },
})

/** The same; a single one counts as a list. */
const oneOrMore: typeof listOf = (item, fileKey, expected) => {
  const { read } = listOf(item, fileKey, expected)
  return { fileKey, expected, read: (value) => read(Array.isArray(value) ? value : [value]) }
}

const tokenId = wholeFrom(0)
/** As many as OpenAI's API has. */
const MOST_LOGPROBS = 20
const biases: OptionField<LogitBias> = {
  expected: 'an object with token ids as keys, and numbers',
  read(value) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    const ids = Object.keys(value).map((id) => (/^\d+$/.test(id) ? Number(id) : -1))
    const values: readonly unknown[] = Object.values(value)
    const isUsable = ids.every((id) => tokenId.read(id) !== undefined) && values.every(Number.isFinite)
    return isUsable ? { ids, values: values as number[] } : undefined
  },
}
const probabilities: OptionField<number> = {
  expected: `a whole number from 0 to ${MOST_LOGPROBS}`,
  read: (value) => (Number(value) <= MOST_LOGPROBS ? tokenId.read(value) : undefined),
}
const tokens = (value: unknown): number[] | undefined =>
  Array.isArray(value) && value.length > 0 && value.every((id) => tokenId.read(id) !== undefined)
    ? value
    : undefined
const biasOf = (value: unknown): SequenceBias | undefined => {
  const [sequence, bias] = Array.isArray(value) && value.length === 2 ? value : []
  const ids = tokens(sequence)
  return ids !== undefined && Number.isFinite(bias) ? [ids, bias] : undefined
}
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

const finite: OptionField<number> = {
  expected: 'a number',
  read: (value) => (Number.isFinite(value) ? (value as number) : undefined),
}
/** Every option; the ranges are those that the processors of transformers accept. */
export const optionFields = {
  maxNewTokens: wholeFrom(1, 'max_new_tokens'),
  maxLength: wholeFrom(1, 'max_length'),
  doSample: truth('do_sample'),
  temperature: numberWhere('temperature', 'a number of at least 0', (value) => value >= 0),
  topK: wholeFrom(0, 'top_k'),
  topP: numberWhere('top_p', 'a number from 0 to 1', (value) => value >= 0 && value <= 1),
  minP: numberWhere('min_p', 'a number from 0 to 1', (value) => value >= 0 && value <= 1),
  repetitionPenalty: numberWhere('repetition_penalty', 'a number above 0', (value) => value > 0),
  presencePenalty: finite,
  frequencyPenalty: finite,
  seed: wholeFrom(0),
  stop: oneOrMore(text, 'stop_strings', 'a non-empty text or a list of them'),
  eosTokenId: oneOrMore(tokenId.read, 'eos_token_id', 'a token id or a list of them'),
  padTokenId: wholeFrom(0, 'pad_token_id'),
  bosTokenId: wholeFrom(0, 'bos_token_id'),
  ignoreEos: truth(),
  minNewTokens: wholeFrom(0, 'min_new_tokens'),
  minLength: wholeFrom(0, 'min_length'),
  noRepeatNgramSize: wholeFrom(0, 'no_repeat_ngram_size'),
  suppressTokens: listOf(tokenId.read, 'suppress_tokens', 'a list of token ids'),
  beginSuppressTokens: listOf(tokenId.read, 'begin_suppress_tokens', 'a list of token ids'),
  badWordsIds: listOf(tokens, 'bad_words_ids', 'a list of lists of token ids'),
  sequenceBias: listOf(biasOf, 'sequence_bias', 'a list of pairs, each of a list of token ids and a number'),
  forcedBosTokenId: wholeFrom(0, 'forced_bos_token_id'),
  forcedEosTokenId: oneOrMore(tokenId.read, 'forced_eos_token_id', 'a token id or a list of them'),
  logitBias: biases,
  logprobs: probabilities,
  promptLookupNumTokens: wholeFrom(0, 'prompt_lookup_num_tokens'),
} satisfies { readonly [name in keyof Required<GenerationOptions>]: OptionField<unknown> }

/** The names of all options. */
export const generationOptionNames = Object.keys(optionFields) as readonly (keyof GenerationOptions)[]
