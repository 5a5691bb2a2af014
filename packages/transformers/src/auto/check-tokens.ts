import { ConfigError } from '@hfquant/core'
import type { DecoderConfig } from '../models/architecture.js'

/** @throws ConfigError for no tokens, more than the context holds, or one outside of the vocabulary. */
export function checkTokens(ids: readonly number[], { vocabSize, maxPositions }: DecoderConfig): void {
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
    `token ${ids[wrong]} at position ${wrong} is not in the vocabulary`,
    {
      field: 'inputIds',
      found: ids[wrong],
      expected: `0 to ${vocabSize - 1}`,
      hint: 'Use the tokenizer that belongs to the model.',
    },
  )
}
