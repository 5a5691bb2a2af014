import { ConfigError, checkOptions } from '@hfquant/core'
import type { EncoderFacts, ModelFacts } from '@hfquant/models'
import type { TextTokens } from '@hfquant/onnx'
import type { EncodedWithOffsets, Tokenizer } from '../../tokenizer/index.js'
import { checkTokens, type TokenIds, tokenizerMissing, tokenNumbers } from '../decoder/check-tokens.js'

/** A text, a pair of texts that are read as one, or token ids that are used as they are. */
export type EncoderInput = string | TextPair | EncoderTokens

/** Such as a query and a document. */
export interface TextPair {
  readonly text: string
  readonly textPair: string
}

export interface EncoderTokens {
  readonly inputIds: TokenIds
  /** One for each token; default 0. */
  readonly tokenTypeIds?: TokenIds | undefined
  /** How many of them, at the beginning, are a prompt: `embed` leaves them out where the folder says so. Default 0. */
  readonly promptTokens?: number | undefined
}

/** A batch as Python's tokenizers make it: lists of equal length, shorter texts padded behind their end. */
export interface EncoderBatch {
  readonly inputIds: readonly TokenIds[]
  /** 1 for tokens, 0 for padding; default: everything is text. */
  readonly attentionMask?: readonly TokenIds[] | undefined
  readonly tokenTypeIds?: readonly TokenIds[] | undefined
}

/** How texts become tokens. */
export interface EncodeTextsOptions {
  /** Cuts texts that are too long; default false: they are refused. */
  readonly truncation?: boolean | undefined
  /** Tokens of a text at most; default: as many as the model takes. */
  readonly maxLength?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export const ENCODE_TEXTS_OPTIONS = [
  'truncation',
  'maxLength',
  'signal',
] as const satisfies readonly (keyof EncodeTextsOptions)[]

/** The tokens of a text. */
export interface ReadText extends TextTokens {
  /** Where each stands in the text, of texts that are traced. */
  readonly offsets?: EncodedWithOffsets['offsets'] | undefined
}

export interface EncoderLimits {
  readonly facts: ModelFacts
  readonly encoder: EncoderFacts
}

/** With `traces`, texts come with the offsets of their tokens. */
interface Reading extends EncoderLimits {
  readonly traces: boolean
}

/**
 * The tokens of texts.
 *
 * @throws ConfigError for something that is no text, a text for a model without a tokenizer, or tokens that do not fit the
 * model; the reason of `signal`.
 */
export async function readInputs(
  inputs: readonly EncoderInput[],
  tokenizer: () => Promise<Tokenizer | undefined>,
  limits: Reading,
  options: EncodeTextsOptions,
): Promise<readonly ReadText[]> {
  checkTexts(inputs)
  checkOptions(options, ENCODE_TEXTS_OPTIONS)
  checkMaxLength(options.maxLength)
  const maxTokens = Math.min(options.maxLength ?? limits.encoder.maxTokens, limits.encoder.maxTokens)
  const ofTexts = { ...limits, encoder: { ...limits.encoder, maxTokens } }
  const texts: ReadText[] = []
  for (const input of inputs) {
    if (isText(input)) {
      const { offsets, ...tokens } = await tokensOf(input, tokenizer, ofTexts, options)
      texts.push({ ...checkedTokens(tokens, ofTexts), offsets })
    } else texts.push(checkedTokens(input, limits))
  }
  return texts
}

/** @throws ConfigError INPUT_TYPE for what is no list. */
export function checkTexts(inputs: unknown): asserts inputs is readonly EncoderInput[] {
  if (!Array.isArray(inputs)) throw wrongInput('texts', inputs)
}

function checkMaxLength(maxLength: unknown): void {
  if (maxLength === undefined || (Number.isInteger(maxLength) && (maxLength as number) >= 1)) return
  throw new ConfigError('MAX_LENGTH', `maxLength is ${String(maxLength)}, expected an integer from 1 on`, {
    field: 'maxLength',
    found: maxLength,
    hint: 'Leave it out for as many tokens as the model takes.',
  })
}

const isText = (input: EncoderInput): input is string | TextPair =>
  typeof input === 'string' || typeof (input as TextPair | null)?.text === 'string'

async function tokensOf(
  input: string | TextPair,
  tokenizer: () => Promise<Tokenizer | undefined>,
  { encoder, traces }: Reading,
  { truncation = false, signal }: EncodeTextsOptions,
): Promise<EncoderTokens & Pick<ReadText, 'offsets'>> {
  const known = await tokenizer()
  if (known === undefined) throw tokenizerMissing()
  const truncateTo = truncation ? encoder.maxTokens : undefined
  if (typeof input === 'string' && traces) {
    const { ids, offsets } = await known.encodeWithOffsetsAsync(input, { signal, truncateTo })
    return { inputIds: ids, offsets }
  }
  if (typeof input === 'string') return { inputIds: await known.encodeAsync(input, { signal, truncateTo }) }
  const { ids, types } = await known.encodePairAsync(input.text, input.textPair, { signal, truncateTo })
  // A model without types is not told any, as Python's tokenizers leave them out.
  return { inputIds: ids, ...(encoder.tokenTypes > 1 && { tokenTypeIds: types }) }
}

/** @throws ConfigError naming the argument. */
export function readBatch(batch: EncoderBatch, limits: EncoderLimits): readonly TextTokens[] {
  const { inputIds, attentionMask, tokenTypeIds } = batch ?? {}
  if (!Array.isArray(inputIds) || inputIds.length === 0) throw wrongInput('inputIds', inputIds)
  for (const [field, lists] of [
    ['attentionMask', attentionMask],
    ['tokenTypeIds', tokenTypeIds],
  ] as const) {
    if (lists === undefined) continue
    if (!Array.isArray(lists) || lists.length !== inputIds.length) throw wrongInput(field, lists)
  }
  return inputIds.map((ids, text) => {
    const length = attentionMask && textLength(attentionMask[text]!, ids.length, text)
    const cut = (list: TokenIds) => Array.from(list as ArrayLike<number | bigint>).slice(0, length)
    const types = tokenTypeIds?.[text]
    return checkedTokens({ inputIds: cut(ids), ...(types && { tokenTypeIds: cut(types) }) }, limits)
  })
}

/** Tokens before the padding. Padding elsewhere would have to be computed, and no tokenizer makes it for encoders. */
function textLength(mask: TokenIds, tokens: number, text: number): number {
  const values = tokenNumbers(mask) ?? []
  const end = values.indexOf(0)
  const length = end < 0 ? values.length : end
  const isRight =
    values.length === tokens && values.every((value, place) => value === (place < length ? 1 : 0))
  if (isRight) return length
  throw new ConfigError(
    'INPUT_MASK',
    `attentionMask[${text}] is not ${tokens} times 1 or 0, with zeros behind the last 1 only`,
    {
      field: 'attentionMask',
      found: mask,
      hint: 'Pad texts behind their end, or pass them without padding.',
    },
  )
}

function checkedTokens(input: EncoderTokens, { facts, encoder }: EncoderLimits): TextTokens {
  const ids = tokenNumbers(input?.inputIds)
  if (ids === undefined) throw wrongInput('inputIds', input)
  checkTokens(ids, { ...facts, maxPositions: encoder.maxTokens })
  if (input.tokenTypeIds === undefined) return { ids }
  const types = tokenNumbers(input.tokenTypeIds) ?? []
  checkTypes(types, ids.length, encoder.tokenTypes)
  return { ids, types }
}

function checkTypes(types: readonly number[], tokens: number, known: number): void {
  const isRight = (type: number) => Number.isInteger(type) && type >= 0 && type < Math.max(known, 1)
  if (types.length === tokens && types.every(isRight)) return
  throw new ConfigError(
    'TOKEN_TYPES',
    `the types of ${tokens} tokens are ${types.length} numbers from ${Math.min(...types)} to ${Math.max(...types)}`,
    {
      field: 'tokenTypeIds',
      found: types,
      expected: `${tokens} numbers from 0 to ${Math.max(known, 1) - 1}`,
      hint: known <= 1 ? 'This model knows no types of tokens; leave them out.' : 'Pass one for each token.',
    },
  )
}

const wrongInput = (field: string, found: unknown): ConfigError =>
  new ConfigError('INPUT_TYPE', `${field} is no list of texts or of token ids`, {
    field,
    found,
    hint: 'Pass texts, or token ids as { inputIds: [101, 7592, 102] }.',
  })
