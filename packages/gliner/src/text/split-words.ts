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
const WORD = /[\p{L}\p{N}_]+(?:[-_][\p{L}\p{N}_]+)*|\S|\ufeff/gu
const WHITE_ONLY_IN_PYTHON = new Set(['\u001c', '\u001d', '\u001e', '\u001f', '\u0085'])

/** Words, and everything else that is no white space as a word of one character. */
export const splitWords = (text: string): readonly Word[] =>
  Array.from(text.matchAll(WORD), ({ index, 0: word }) => ({
    start: index,
    end: index + word.length,
    text: word,
  })).filter((word) => !WHITE_ONLY_IN_PYTHON.has(word.text))
