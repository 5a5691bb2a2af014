import { createCharacterSet, widthOf } from './pattern/character-set.js'

/**
 * Characters next to one another that are a grapheme each; anything else is left to Intl.Segmenter, which takes a
 * microsecond for every character. Letters that extend, precede or join others are left out, in a normal form at the latest.
 */
const alone = createCharacterSet(
  '[[\\p{L}\\p{N}\\p{P}\\p{Zs}]--[\\p{Grapheme_Extend}\\p{M}\\u{E33}\\u{EB3}\\u{D4E}\\u{1100}-\\u{11FF}\\u{A960}-\\u{A97F}\\u{D7B0}-\\u{D7FF}\\u{111C2}-\\u{111C3}\\u{1193F}\\u{11941}\\u{11A3A}\\u{11A84}-\\u{11A89}\\u{11D46}\\u{11F02}\\u{3131}-\\u{318E}\\u{FFA0}-\\u{FFDC}]]',
)

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Long enough for the built-in functions to be quick, short enough for a pause between two. */
const CHUNK = 1 << 15

/**
 * A long text, chunk by chunk. Cuts are made between characters that stand alone: no form of normalization, no change of
 * case and no grapheme reaches across. A text without such a place is not cut.
 */
export function* chunksOf(text: string): Generator<string> {
  let from = 0
  do {
    const to = cutBehind(text, from + CHUNK)
    yield text.slice(from, to)
    from = to
  } while (from < text.length)
}

/** Halves of a character stand for no character, and do not stand alone. */
function cutBehind(text: string, at: number): number {
  for (let cut = at; cut < text.length; cut++) {
    if (alone.has(text.charCodeAt(cut - 1)) && alone.has(text.charCodeAt(cut))) return cut
  }
  return text.length
}

/** What readers take for one character: letters with their marks, signs that make one picture. */
export function* graphemes(text: string): Generator<string> {
  let at = 0
  while (at < text.length) {
    const end = endOfSimpleGrapheme(text, at)
    if (end !== undefined) {
      yield text.slice(at, end)
      at = end
    } else {
      const run = endOfRun(text, at)
      for (const { segment } of segmenter.segment(text.slice(at, run))) yield segment
      at = run
    }
  }
}

/** The end of a character that is a grapheme of its own. */
function endOfSimpleGrapheme(text: string, at: number): number | undefined {
  const code = text.codePointAt(at)!
  if (!alone.has(code)) return undefined
  const end = at + widthOf(code)
  return end === text.length || alone.has(text.codePointAt(end)!) ? end : undefined
}

/** The next place with a character on either side that is a grapheme of its own. */
function endOfRun(text: string, from: number): number {
  let at = from
  while (at < text.length) {
    const code = text.codePointAt(at)!
    at += widthOf(code)
    if (at < text.length && alone.has(code) && alone.has(text.codePointAt(at)!)) return at
  }
  return at
}

/**
 * A character with the marks behind it, or the letters of Hangul syllables: nothing else is composed. Signs that only look
 * like one stay apart, which is quicker than to look for graphemes.
 */
const COMBINED =
  /(?:[\u3131-\u318E\uFFA0-\uFFDC]+|[\u1100-\u115F\uA960-\uA97C]?[\u1160-\u11A7\uAC00-\uD7A3\uD7B0-\uD7C6][\u11A8-\u11FF\uD7CB-\uD7FB]?|\P{M})[\p{M}\uFF9E\uFF9F]*|\p{M}+/gu

/** Parts of a text that no form of normalization and no change of case reaches across. */
export function* combinedCharacters(text: string): Generator<string> {
  for (const [part] of text.matchAll(COMBINED)) yield part
}
