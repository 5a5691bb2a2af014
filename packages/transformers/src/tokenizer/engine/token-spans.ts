import { isObject, type JsonObject } from '../json.js'
import type { TokenizerJson } from '../tokenizer-json.js'
import { widthOf } from './pattern/character-set.js'

/** How a model writes what is no token by itself. */
export interface TokenSpelling {
  /** Before tokens that go on with a word. */
  readonly continuation: string
  /** Behind the last token of a word. */
  readonly ending: string
  readonly unknown: string | undefined
}

export function readSpelling({ model }: TokenizerJson): TokenSpelling {
  const json: JsonObject = isObject(model) ? model : {}
  const text = (field: string, other: string) =>
    typeof json[field] === 'string' ? (json[field] as string) : other
  const { vocab, unk_id: id } = json
  const entry: unknown = Array.isArray(vocab) && typeof id === 'number' ? vocab[id] : undefined
  const isWordPiece = json.type === 'WordPiece' || json.max_input_chars_per_word !== undefined
  return {
    continuation: text('continuing_subword_prefix', isWordPiece ? '##' : ''),
    ending: text('end_of_word_suffix', ''),
    unknown: Array.isArray(entry) ? String(entry[0]) : text('unk_token', ''),
  }
}

const BYTE = /^<0x[0-9A-F]{2}>$/

/** Units of a piece that each of its tokens stands for: start and end. */
export function tokenSpans(
  piece: string,
  tokens: readonly string[],
  { continuation, ending, unknown }: TokenSpelling,
): readonly (readonly [start: number, end: number])[] {
  let at = 0
  /** Bytes of the character at `at` whose tokens are still to come. */
  let bytesLeft = 0
  const isAt = (token: string, place: number) => token !== '' && piece.startsWith(token, place)
  const surfaceOf = (token: string, place: number): string => {
    const begun = place > 0 && continuation !== '' && token.startsWith(continuation)
    const bare = begun ? token.slice(continuation.length) : token
    const isLast = ending !== '' && token.endsWith(ending) && !isAt(bare, place)
    return isLast ? bare.slice(0, -ending.length) : bare
  }
  return tokens.map((token, index) => {
    const start = at
    const surface = surfaceOf(token, start)
    if (bytesLeft === 0 && isAt(surface, start)) {
      at += surface.length
      return [start, at]
    }
    if (BYTE.test(token) && start < piece.length) {
      const character = String.fromCodePoint(piece.codePointAt(start)!)
      bytesLeft = (bytesLeft === 0 ? Buffer.byteLength(character) : bytesLeft) - 1
      if (bytesLeft === 0) at += character.length
      return [start, start + character.length]
    }
    if (token !== unknown) {
      // Characters that the model drops stand before it.
      const found = piece.indexOf(surface, start)
      if (found < 0) return [start, start]
      at = found + surface.length
      return [found, at]
    }
    at = endOfUnknown(tokens[index + 1])
    return [start, at]
  })

  /** An unknown token stands for all characters before the next known one. */
  function endOfUnknown(next: string | undefined): number {
    if (next === undefined) return piece.length
    if (at >= piece.length) return at
    const character = at + widthOf(piece.codePointAt(at)!)
    const isKnown = next !== unknown && !BYTE.test(next)
    const found = isKnown ? piece.indexOf(surfaceOf(next, character), character) : -1
    return found < 0 ? character : found
  }
}

/** Whether spaces at the edges of tokens are left out of their spans, as post-processors of byte-level vocabularies do. */
export interface SpanTrimming {
  /** The tokenizer puts a space before the text, which is no part of it. */
  readonly addsSpace: boolean
}

export function readTrimming(postProcessor: unknown): SpanTrimming | undefined {
  if (!isObject(postProcessor)) return undefined
  const { type, processors, trim_offsets: trims = true, add_prefix_space: addsSpace = true } = postProcessor
  if (type === 'Sequence' && Array.isArray(processors)) {
    return processors.map(readTrimming).find((found) => found !== undefined)
  }
  const isOne = (type === 'ByteLevel' || type === 'RobertaProcessing') && trims === true
  return isOne ? { addsSpace: addsSpace === true } : undefined
}

/** A span without the spaces at the edges of its token. */
export function trimmedSpan(
  [start, end]: readonly [start: number, end: number],
  token: string,
  isFirst: boolean,
  { addsSpace }: SpanTrimming,
): readonly [start: number, end: number] {
  const [before, behind] = [/^[\sĠ]*/, /[\sĠ]*$/].map((edge) => edge.exec(token)![0].length) as [
    number,
    number,
  ]
  const own = before - Number(before > 0 && addsSpace && (isFirst || start === 0))
  const from = Math.min(start + own, end)
  return [from, Math.max(end - behind, from)]
}
