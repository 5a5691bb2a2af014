import { wrong } from '../tokenizer-json.js'
import { type Stage, textField } from './fields.js'
import { createCharacterSet, widthOf } from './pattern/character-set.js'

/** Replacements of a sentence-piece model: the text for a character or grapheme, or undefined if it stays. */
type Replace = (chunk: string) => string | undefined

/**
 * Characters next to one another that are a grapheme each; anything else is left to Intl.Segmenter, which takes a
 * microsecond for every character. Letters that extend, precede or join others are left out.
 */
const alone = createCharacterSet(
  '[[\\p{L}\\p{N}\\p{P}\\p{Zs}]--[\\p{Grapheme_Extend}\\p{M}\\u{E33}\\u{EB3}\\u{D4E}\\u{1100}-\\u{11FF}\\u{A960}-\\u{A97F}\\u{D7B0}-\\u{D7FF}\\u{111C2}-\\u{111C3}\\u{1193F}\\u{11941}\\u{11A3A}\\u{11A84}-\\u{11A89}\\u{11D46}\\u{11F02}]]',
)

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** A grapheme of this many bytes is never replaced as a whole. */
const LONG_GRAPHEME = 6

/** Replaces what the table of a sentence-piece model replaces: graphemes first, then single characters. */
export function precompiledReplacement(stage: Stage): (text: string) => string {
  const replace = remember(readTable(stage))
  return (text) => replaceAll(text, replace)
}

function replaceAll(text: string, replace: Replace): string {
  const parts: string[] = []
  let at = 0
  while (at < text.length) {
    const end = endOfSimpleGrapheme(text, at)
    if (end !== undefined) {
      const character = text.slice(at, end)
      parts.push(replace(character) ?? character)
      at = end
    } else {
      const run = endOfRun(text, at)
      for (const { segment } of segmenter.segment(text.slice(at, run)))
        parts.push(replaceGrapheme(segment, replace))
      at = run
    }
  }
  return parts.join('')
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

function replaceGrapheme(grapheme: string, replace: Replace): string {
  const whole = Buffer.byteLength(grapheme) < LONG_GRAPHEME ? replace(grapheme) : undefined
  if (whole !== undefined) return whole
  let result = ''
  for (const character of grapheme) result += replace(character) ?? character
  return result
}

/** Bytes of a replacement; the longest form of normalization has a third of it. */
const MAX_REPLACEMENT = 256

/** Graphemes that are remembered: an alphabet has thousands, a text may have any number. */
const MAX_REMEMBERED = 20_000

function remember(replace: Replace): Replace {
  const known = new Map<string, string | undefined>()
  return (chunk) => {
    if (known.has(chunk)) return known.get(chunk)
    const replacement = replace(chunk)
    if (known.size >= MAX_REMEMBERED) known.clear()
    known.set(chunk, replacement)
    return replacement
  }
}

/**
 * Reads `precompiled_charsmap`: base64 of the size of a double-array trie (darts-clone, 32-bit units), the trie, and the
 * replacements with a zero byte behind each. The shortest beginning of a chunk that is in the trie decides.
 */
function readTable(stage: Stage): Replace {
  const field = 'precompiled_charsmap'
  const bytes = Buffer.from(textField(stage, field), 'base64')
  const size = bytes.length < 4 ? Number.NaN : bytes.readUInt32LE(0)
  if (!(size % 4 === 0 && size <= bytes.length - 4)) {
    throw wrong(`${stage.path}.${field}`, `${bytes.length} bytes`, 'base64 of a trie and its texts')
  }
  const units = new Uint32Array(size / 4)
  for (let index = 0; index < units.length; index++) units[index] = bytes.readUInt32LE(4 + index * 4)
  const texts = bytes.subarray(4 + size)

  return (chunk) => {
    let node = offsetOf(units[0] ?? 0)
    for (const byte of Buffer.from(chunk)) {
      if (byte === 0) return undefined
      node ^= byte
      const unit = units[node] ?? 0
      if ((unit & 0x800000ff) >>> 0 !== byte) return undefined
      node ^= offsetOf(unit)
      if (((unit >>> 8) & 1) === 1) return textAt((units[node] ?? 0) & 0x7fffffff)
    }
    return undefined
  }

  function textAt(start: number): string {
    const end = texts.indexOf(0, start)
    const text = texts.subarray(start, end === -1 ? texts.length : end)
    if (text.length <= MAX_REPLACEMENT) return text.toString()
    throw wrong(
      `${stage.path}.${field}`,
      `a text of ${text.length} bytes`,
      `at most ${MAX_REPLACEMENT} bytes`,
    )
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >>> 6)
}
