import { ConfigError } from '@hfquant/core'
import { runAtOnce, runInSlices, type Steps } from '@hfquant/transformers'

/** A word of a text, in UTF-16 units: `text.slice(start, end)` is the word. */
export interface Word {
  readonly start: number
  readonly end: number
  readonly text: string
}

/**
 * What the library's `whitespace` splitter finds with Python's `\w+(?:[-_]\w+)*|\S`. Python's \w is letters, numbers and _;
 * its white space differs from JavaScript's: U+001C to U+001F and U+0085 belong to it, U+FEFF does not.
 */
const PIECE = /[\p{L}\p{N}_]{1,1024}|\S|\ufeff|\s{1,1024}/gu
const IS_WORD = /^[\p{L}\p{N}_]/u
const IS_WHITE = /^(?!\ufeff)\s/
const WHITE_ONLY_IN_PYTHON = new Set(['\u001c', '\u001d', '\u001e', '\u001f', '\u0085'])

/**
 * Words, and everything else that is no white space as a word of one character. Words are put together from pieces of
 * bounded length: a pattern of whole words takes memory for each character of a word, and ends where that is used up.
 */
export const splitWords = (text: string): readonly Word[] => runAtOnce(splitting(text, undefined))

/**
 * The same in slices, between which the event loop runs.
 *
 * @param most words that are of use.
 * @throws ConfigError TEXT_TOO_LONG for a text with more; the reason of `signal`.
 */
export const splitWordsAsync = (
  text: string,
  { most, signal }: { readonly most?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly Word[]> => runInSlices(splitting(text, most), signal)

/** Pieces between two pauses: well below a millisecond of work. */
const PAUSE_EVERY = 256

function* splitting(text: string, most = Number.POSITIVE_INFINITY): Steps<readonly Word[]> {
  const words: Word[] = []
  /** Of the word that is open, and whether a hyphen stands behind it. */
  let [start, end, hyphen] = [0, 0, false]
  const close = () => {
    if (end > start) words.push({ start, end, text: text.slice(start, end) })
    if (hyphen) words.push({ start: end, end: end + 1, text: '-' })
    ;[start, end, hyphen] = [0, 0, false]
  }
  let pieces = 0
  for (const { index, 0: piece } of text.matchAll(PIECE)) {
    if (++pieces % PAUSE_EVERY === 0) yield
    if (IS_WHITE.test(piece)) continue
    if (words.length > most) throw tooLong(most)
    const isNext = end > start && index === end + Number(hyphen)
    if (IS_WORD.test(piece)) {
      if (!isNext) close()
      if (end === start) start = index
      ;[end, hyphen] = [index + piece.length, false]
    } else if (piece === '-' && isNext && !hyphen) hyphen = true
    else {
      close()
      if (!WHITE_ONLY_IN_PYTHON.has(piece))
        words.push({ start: index, end: index + piece.length, text: piece })
    }
  }
  close()
  if (words.length > most) throw tooLong(most)
  return words
}

const tooLong = (most: number): ConfigError =>
  new ConfigError('TEXT_TOO_LONG', `the text has more than ${most} words`, {
    ...{ field: 'text', expected: most },
    hint: 'Shorten the text, or ask for its parts.',
  })
