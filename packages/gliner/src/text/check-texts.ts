import { ConfigError, quote } from '@hfquant/core/runtime'

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
