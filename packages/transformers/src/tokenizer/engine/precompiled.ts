import { wrong } from '../tokenizer-json.js'
import { type Stage, textField } from './fields.js'
import { graphemes } from './text-parts.js'

/** Replacements of a sentence-piece model: the text for a character or grapheme, or undefined if it stays. */
type Replace = (chunk: string) => string | undefined

/** A grapheme of this many bytes is never replaced as a whole. */
const LONG_GRAPHEME = 6

/** Replaces what the table of a sentence-piece model replaces: graphemes first, then single characters. */
export function precompiledReplacement(stage: Stage): (text: string) => string {
  const replace = remember(readTable(stage))
  return (text) => replaceAll(text, replace)
}

function replaceAll(text: string, replace: Replace): string {
  const parts: string[] = []
  for (const grapheme of graphemes(text)) {
    parts.push(grapheme.length === 1 ? (replace(grapheme) ?? grapheme) : replaceGrapheme(grapheme, replace))
  }
  return parts.join('')
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
