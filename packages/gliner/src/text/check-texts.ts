import { ConfigError, quote } from '@hfquant/core/runtime'
import type { GlinerDocument } from './read-document.js'

/** @throws ConfigError TEXT_INVALID for what is no list of strings. */
export function checkTexts(texts: unknown): asserts texts is readonly string[] {
  const wrong = Array.isArray(texts) ? texts.findIndex((text) => typeof text !== 'string') : -1
  if (Array.isArray(texts) && wrong === -1) return
  const field = Array.isArray(texts) ? `texts[${wrong}]` : 'texts'
  const found = Array.isArray(texts) ? texts[wrong] : texts
  throw new ConfigError(
    'TEXT_INVALID',
    `${field} is ${quote(found)}, expected ${Array.isArray(texts) ? 'a string' : 'a list of strings'}`,
    {
      field,
      found,
      hint: 'Pass one text to predictEntities, and a list of texts to batchPredictEntities.',
    },
  )
}

/** @throws ConfigError TEXT_INVALID for texts that have not been read. */
export function checkDocuments(documents: unknown): asserts documents is readonly GlinerDocument[] {
  const isRead = (one: Partial<GlinerDocument> | null | undefined) => Array.isArray(one?.parts)
  if (Array.isArray(documents) && documents.every(isRead)) return
  throw new ConfigError('TEXT_INVALID', 'documents are expected as readDocuments gives them', {
    field: 'documents',
    found: documents,
    hint: 'Pass what readDocuments gives, or texts to batchPredictEntities.',
  })
}
