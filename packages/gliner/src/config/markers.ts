import { CheckpointError, type JsonObject, quote } from '@hfquant/core/runtime'
import type { Tokenizer } from '@hfquant/transformers'
import type { GlinerConfig } from './gliner-config.js'

/** What the library adds to a tokenizer that has no markers yet, in this order. */
export const markersOf = ({ entToken, sepToken }: GlinerConfig): readonly string[] => [
  '[FLERT]',
  entToken,
  sepToken,
]

/** Whether the markers are still to be added: then the files do not say where they are either. */
export const lacksMarkers = ({ labels, classTokenIndex }: GlinerConfig): boolean =>
  labels === undefined && classTokenIndex === undefined

/**
 * gliner_config.json with the numbers that it leaves open, counted in the tokenizer.
 *
 * @throws CheckpointError MARKER_MISSING for a tokenizer whose markers are not where the file says.
 */
export function settleVocabulary(json: JsonObject, config: GlinerConfig, tokenizer: Tokenizer): JsonObject {
  if (config.labels !== undefined) {
    return config.vocabSize === undefined ? { ...json, vocab_size: tokenizer.vocabSize } : json
  }
  if (!lacksMarkers(config)) {
    expectMarkers(config, tokenizer)
    return json
  }
  const id = tokenizer.tokenToId(config.entToken)
  return { ...json, class_token_index: id, vocab_size: tokenizer.vocabSize }
}

function expectMarkers(
  { entToken, sepToken, classTokenIndex, vocabSize }: GlinerConfig,
  tokenizer: Tokenizer,
): void {
  const hint = 'Take tokenizer.json and gliner_config.json from the same revision of the model.'
  const file = 'tokenizer.json'
  const id = tokenizer.tokenToId(entToken)
  if (id !== classTokenIndex) {
    throw new CheckpointError(
      'MARKER_MISSING',
      `${quote(entToken)} is ${id === undefined ? 'no token' : `token ${id}`} of the tokenizer, and gliner_config.json says class_token_index ${classTokenIndex}`,
      { ...{ file, hint, field: 'class_token_index' }, found: id, expected: classTokenIndex },
    )
  }
  if (tokenizer.tokenToId(sepToken) === undefined) {
    throw new CheckpointError('MARKER_MISSING', `${quote(sepToken)} is no token of the tokenizer`, {
      ...{ file, hint, field: 'sep_token' },
      expected: sepToken,
    })
  }
  if (tokenizer.vocabSize > vocabSize!) {
    throw new CheckpointError(
      'VOCABULARY_SIZE',
      `the tokenizer has ${tokenizer.vocabSize} tokens, and gliner_config.json says vocab_size ${vocabSize}`,
      { ...{ file, hint, field: 'vocab_size' }, found: tokenizer.vocabSize, expected: vocabSize },
    )
  }
}
