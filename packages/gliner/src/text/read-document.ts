import { type ReadPartsContext, readParts, type TextPart } from './read-parts.js'
import { splitWordsAsync, type Word } from './split-words.js'

/** A text that a model has read with its labels. */
export interface GlinerDocument {
  readonly text: string
  readonly labels: readonly string[]
  /** Of all its parts, with those of the labels. */
  readonly tokens: number
  /** @internal */
  readonly words: readonly Word[]
  /** @internal */
  readonly parts: readonly TextPart[]
}

/**
 * Reads a text. One without words, or without labels, has no parts.
 *
 * @param context `most`: words that it may have.
 * @throws as `readParts`; ConfigError TEXT_TOO_LONG for more words; the reason of `signal`.
 */
export async function readDocument(
  text: string,
  labels: readonly string[],
  context: ReadPartsContext & { readonly most?: number | undefined },
): Promise<GlinerDocument> {
  const words = await splitWordsAsync(text, context)
  const texts = words.map((word) => word.text)
  const parts = words.length === 0 || labels.length === 0 ? [] : await readParts(texts, labels, context)
  const tokens = parts.reduce((sum, { encoded }) => sum + encoded.ids.length, 0)
  return { text, labels, tokens, words, parts }
}
