import { ConfigError, quote } from '@hfquant/core/runtime'
import type { ModelFacts } from '@hfquant/models'
import { type Tokenizer, TokenizerError } from '../../tokenizer/index.js'

/** A text, or token ids that are used as they are. */
export type Prompt = string | { readonly inputIds: TokenIds }

/** Token ids in a list or in the typed array of a tensor; 64-bit integers are BigInts there. */
export type TokenIds =
  | readonly (number | bigint)[]
  | Int32Array
  | Uint32Array
  | Uint16Array
  | Uint8Array
  | BigInt64Array
  | BigUint64Array

/** The ids as numbers; undefined for something that is no list of them. What each is worth is checked later. */
export function tokenNumbers(ids: unknown): readonly number[] | undefined {
  const isList = Array.isArray(ids) || (ArrayBuffer.isView(ids) && !(ids instanceof DataView))
  if (!isList) return undefined
  return Array.from(ids as ArrayLike<unknown>, (id) => (typeof id === 'bigint' ? Number(id) : (id as number)))
}

/**
 * The tokens of a prompt. A text is encoded in slices, and no further than it can be used. One that begins with the
 * beginning token, as chat templates write it, gets no second one.
 *
 * @throws ConfigError for something that is no prompt, a text for a model without a tokenizer, or PROMPT_TOO_LONG for
 * one of more than `maxTokens` tokens; the reason of `signal`.
 */
export async function promptTokens(
  prompt: Prompt,
  tokenizer: Tokenizer | undefined,
  { maxTokens, signal }: { readonly maxTokens?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly number[]> {
  if (typeof prompt !== 'string') {
    const ids = tokenNumbers(prompt?.inputIds)
    // A list of lists is a batch of `forward`.
    if (ids !== undefined && !ids.some((id) => typeof id === 'object')) return ids
    throw new ConfigError('PROMPT_TYPE', 'the prompt is neither a text nor one list of inputIds', {
      field: 'prompt',
      found: prompt,
      hint: 'Pass a string, or token ids as { inputIds: [1, 2, 3] }.',
    })
  }
  if (tokenizer === undefined) throw tokenizerMissing()
  try {
    return withOneBeginning(await tokenizer.encodeAsync(prompt, { maxTokens, signal }), prompt, tokenizer)
  } catch (cause) {
    if (maxTokens === undefined || !TokenizerError.isInstance(cause) || cause.code !== 'TEXT_TOO_LONG')
      throw cause
    throw promptTooLong(`more than ${maxTokens}`, maxTokens)
  }
}

/** The error for a text where the model folder has no tokenizer. */
export function tokenizerMissing(): ConfigError {
  return new ConfigError(
    'TOKENIZER_MISSING',
    'the model folder has no tokenizer.json, so a text cannot be read',
    {
      field: 'prompt',
      hint: 'Pass { inputIds }, or add the tokenizer files to the folder.',
    },
  )
}

/** More than any beginning token is long. */
const BEGINNING_CHARACTERS = 200

/** Models are trained with one beginning token, and answer worse behind two. */
function withOneBeginning(ids: readonly number[], text: string, tokenizer: Tokenizer): readonly number[] {
  const { bosTokenId } = tokenizer
  const beginnings = (tokens: readonly number[]) => {
    const end = tokens.findIndex((token) => token !== bosTokenId)
    return end < 0 ? tokens.length : end
  }
  if (bosTokenId === undefined || beginnings(ids) < 2) return ids
  // Whoever wrote two gets two: only the one that the tokenizer put in front goes.
  const written = tokenizer.encode(text.slice(0, BEGINNING_CHARACTERS), { addSpecialTokens: false })
  return beginnings(written) > 0 && beginnings(written) < beginnings(ids) ? ids.slice(1) : ids
}

/**
 * Sequences of equal length, as numbers.
 *
 * @throws ConfigError for no sequence, ragged ones, or tokens that do not fit the model.
 */
export function checkBatch(inputIds: readonly TokenIds[], facts: ModelFacts): readonly (readonly number[])[] {
  const sequences = Array.isArray(inputIds) ? inputIds.map(tokenNumbers) : [undefined]
  if (!sequences.every((ids) => ids !== undefined)) {
    throw new ConfigError('INPUT_TYPE', 'inputIds is no list of token lists', {
      field: 'inputIds',
      found: inputIds,
      hint: 'Pass { inputIds: [[1, 2, 3]] }.',
    })
  }
  const length = sequences[0]?.length ?? 0
  const ragged = sequences.find((ids) => ids.length !== length)
  if (ragged !== undefined) {
    throw new ConfigError('INPUT_RAGGED', `inputIds has sequences of ${length} and ${ragged.length} tokens`, {
      field: 'inputIds',
      hint: 'Pass sequences of equal length, or one at a time.',
    })
  }
  for (const ids of sequences.length === 0 ? [[]] : sequences) checkTokens(ids, facts)
  return sequences
}

/** @throws ConfigError for no tokens, more than the context holds, or one outside of the vocabulary. */
export function checkTokens(ids: readonly number[], { vocabSize, maxPositions }: ModelFacts): void {
  if (ids.length === 0) {
    throw new ConfigError('INPUT_EMPTY', 'the input has no tokens, expected at least one', {
      field: 'inputIds',
      hint: 'Pass one at least, such as the token that begins a text.',
    })
  }
  if (ids.length > maxPositions) {
    throw promptTooLong(ids.length, maxPositions)
  }
  const wrong = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize))
  if (wrong < 0) return
  throw new ConfigError(
    'TOKEN_OUT_OF_RANGE',
    `token ${quote(ids[wrong])} at position ${wrong} is not in the vocabulary`,
    {
      field: 'inputIds',
      found: ids[wrong],
      expected: `0 to ${vocabSize - 1}`,
      hint: 'Use the tokenizer that belongs to the model.',
    },
  )
}

function promptTooLong(found: number | string, expected: number): ConfigError {
  return new ConfigError('PROMPT_TOO_LONG', `the input has ${found} tokens, the context has ${expected}`, {
    field: 'inputIds',
    found,
    expected,
    hint: 'Shorten the prompt.',
  })
}
