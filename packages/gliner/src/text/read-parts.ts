import { publishWarning } from '@hfquant/core/runtime'
import type { GlinerConfig } from '../config/gliner-config.js'
import {
  countTokens,
  type EncodeContext,
  type EncodedText,
  encodeText,
  promptTooLong,
} from './encode-text.js'
import { type Window, wholeWindow, windowsOf } from './windows.js'

/** A part of a text as the model reads it. */
export interface TextPart {
  /** In words of the text. */
  readonly window: Window
  readonly encoded: EncodedText
}

export interface ReadPartsContext extends EncodeContext {
  readonly config: GlinerConfig
  /** `windows`: a text that is too long is read in parts that overlap. `truncate`: its end is not read. */
  readonly longText: 'windows' | 'truncate'
}

/**
 * The parts of a text: one, unless it is too long.
 *
 * @throws ConfigError PROMPT_TOO_LONG.
 */
export async function readParts(
  words: readonly string[],
  labels: readonly string[],
  context: ReadPartsContext,
): Promise<readonly TextPart[]> {
  const { config, longText, maxTokens } = context
  if (longText === 'truncate') return [await truncated(words, labels, context)]
  const counts = await countTokens(words, labels, context)
  const overlap = overlapOf(config)
  const room = (maxTokens ?? Number.POSITIVE_INFINITY) - counts.others
  if (room <= 0) throw promptTooLong(labels.length, maxTokens)
  const size = Math.max(config.maxLen, overlap + 1)
  const windows = windowsOf({ tokens: counts.words, room, size, overlap })
  const parts: TextPart[] = []
  for (const window of windows) {
    const encoded = await encodeText(words.slice(window.start, window.end), labels, context)
    warnOfLoss(encoded.wordsRead, window.end - window.start, maxTokens)
    parts.push({ window, encoded })
  }
  return parts
}

/** What the library does with a long text. */
async function truncated(
  words: readonly string[],
  labels: readonly string[],
  context: ReadPartsContext,
): Promise<TextPart> {
  const { maxLen } = context.config
  const kept = words.slice(0, maxLen)
  if (kept.length < words.length) {
    publishWarning(`a text of ${words.length} words is longer than ${maxLen}: what comes behind is not read`)
  }
  const encoded = await encodeText(kept, labels, context)
  warnOfLoss(encoded.wordsRead, kept.length, context.maxTokens)
  return { window: wholeWindow(kept.length), encoded }
}

function warnOfLoss(read: number, words: number, maxTokens: number | undefined): void {
  if (read === words) return
  publishWarning(
    `${words} words and their prompt have more than ${maxTokens} tokens: the last ${words - read} are not read`,
  )
}

/** Words of the longest entity that an edge of a window never cuts, where the model has no limit of its own. */
const LONGEST_OF_TOKENS = 24

const overlapOf = ({ mode, maxWidth }: GlinerConfig): number =>
  2 * ((mode === 'span' ? maxWidth : LONGEST_OF_TOKENS) - 1)
