import { ConfigError, quote } from '@hfquant/core'
import type { ModelFacts } from '@hfquant/models'
import type { Tokenizer } from '../tokenizer/index.js'

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
function tokenNumbers(ids: unknown): readonly number[] | undefined {
  const isList = Array.isArray(ids) || (ArrayBuffer.isView(ids) && !(ids instanceof DataView))
  if (!isList) return undefined
  return Array.from(ids as ArrayLike<unknown>, (id) => (typeof id === 'bigint' ? Number(id) : (id as number)))
}

/**
 * The token ids of a prompt. A text that begins with the beginning token, as chat templates write it, gets no second one.
 *
 * @throws ConfigError for something that is no prompt, or a text for a model without a tokenizer.
 */
export function promptTokens(prompt: Prompt, tokenizer: Tokenizer | undefined): readonly number[] {
  if (typeof prompt !== 'string') {
    const ids = tokenNumbers(prompt?.inputIds)
    if (ids !== undefined) return ids
    throw new ConfigError('PROMPT_TYPE', 'the prompt is neither a text nor { inputIds }', {
      field: 'prompt',
      found: prompt,
      hint: 'Pass a string, or token ids as { inputIds: [1, 2, 3] }.',
    })
  }
  if (tokenizer !== undefined) return withOneBeginning(tokenizer.encode(prompt), prompt, tokenizer)
  throw new ConfigError(
    'TOKENIZER_MISSING',
    'the model folder has no tokenizer.json, so a text cannot be read',
    {
      field: 'prompt',
      hint: 'Pass { inputIds }, or add the tokenizer files to the folder.',
    },
  )
}

/** Models are trained with one beginning token, and answer worse behind two. */
function withOneBeginning(ids: readonly number[], text: string, tokenizer: Tokenizer): readonly number[] {
  const { bosTokenId } = tokenizer
  if (bosTokenId === undefined || ids[0] !== bosTokenId || ids[1] !== bosTokenId) return ids
  // Whoever wrote two gets two: only the one that the tokenizer put in front goes.
  const written = tokenizer.encode(text, { addSpecialTokens: false })
  return written.length < ids.length && written[0] === bosTokenId ? ids.slice(1) : ids
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
    })
  }
  if (ids.length > maxPositions) {
    throw new ConfigError(
      'PROMPT_TOO_LONG',
      `the input has ${ids.length} tokens, the context has ${maxPositions}`,
      { field: 'inputIds', found: ids.length, expected: maxPositions, hint: 'Shorten the prompt.' },
    )
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
