import { ConfigError } from '@hfquant/core'
import type { EncodedWords, Tokenizer } from '@hfquant/transformers'
import type { GlinerConfig } from '../config/gliner-config.js'

/** What the model reads of one text, or of one part of it: prompt and words as one sequence. */
export interface EncodedText {
  readonly ids: readonly number[]
  /** Of each word, the index of its first token; undefined for one that has none. */
  readonly wordTokens: readonly (number | undefined)[]
  /** Of each label, the index of the token that stands for it. */
  readonly labelTokens: readonly number[]
  /** Words before the place where the sequence was cut; all of them, where it was not. */
  readonly wordsRead: number
}

export interface EncodeContext {
  readonly tokenizer: Tokenizer
  readonly config: Pick<GlinerConfig, 'entToken' | 'sepToken' | 'embedsMarker' | 'labels'>
  /** Tokens of the longest sequence; undefined without a limit. */
  readonly maxTokens: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Prompt and words: `ent, label, ent, label, …, sep, word, word, …`, each tokenized on its own, a label of several words
 * too. A bi-encoder reads the words alone.
 */
export async function encodeText(
  words: readonly string[],
  labels: readonly string[],
  context: EncodeContext,
): Promise<EncodedText> {
  const { tokenizer, config, maxTokens, signal } = context
  const prompt = promptOf(labels, config)
  const truncateTo = maxTokens
  const encoded = await tokenizer.encodeWordsAsync([...prompt, ...words], { truncateTo, signal })
  const firsts = firstTokens(encoded)
  const isCut = maxTokens !== undefined && encoded.ids.length === maxTokens
  const read = isCut ? Math.max(...firsts.keys(), -1) + 1 - prompt.length : words.length
  if (prompt.length > 0 && read <= 0) throw promptTooLong(labels.length, maxTokens)
  return {
    ids: encoded.ids,
    wordTokens: words.map((_, word) => firsts.get(prompt.length + word)),
    labelTokens:
      prompt.length === 0
        ? []
        : labels.map((_, label) => firsts.get(2 * label)! + (config.embedsMarker ? 0 : 1)),
    wordsRead: read,
  }
}

/** Tokens of each word, and how many there are around and before them. */
export async function countTokens(
  words: readonly string[],
  labels: readonly string[],
  { tokenizer, config, signal }: EncodeContext,
): Promise<{ readonly words: readonly number[]; readonly others: number }> {
  const prompt = promptOf(labels, config)
  const { wordIds } = await tokenizer.encodeWordsAsync([...prompt, ...words], { signal })
  const counts: number[] = new Array(words.length).fill(0)
  let others = 0
  for (const id of wordIds) {
    if (id === undefined || id < prompt.length) others += 1
    else counts[id - prompt.length]! += 1
  }
  return { words: counts, others }
}

function promptOf(
  labels: readonly string[],
  { entToken, sepToken, labels: labelEncoder }: EncodeContext['config'],
): readonly string[] {
  if (labelEncoder !== undefined) return []
  return [...labels.flatMap((label) => [entToken, label]), sepToken]
}

/** By word, the index of its first token. */
function firstTokens({ wordIds }: EncodedWords): ReadonlyMap<number, number> {
  const firsts = new Map<number, number>()
  for (const [index, word] of wordIds.entries()) {
    if (word !== undefined && !firsts.has(word)) firsts.set(word, index)
  }
  return firsts
}

/** @throws ConfigError PROMPT_TOO_LONG for labels that leave no room for a text. */
export const promptTooLong = (labels: number, maxTokens: number | undefined): ConfigError =>
  new ConfigError('PROMPT_TOO_LONG', `the prompt of ${labels} labels leaves no room in ${maxTokens} tokens`, {
    field: 'labels',
    found: labels,
    hint: 'Ask for fewer labels at once, in several calls.',
  })
