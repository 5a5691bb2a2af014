import { compileGrammar } from '../compile-grammar.js'
import type { GrammarSource } from '../grammar-source.js'
import { type GrammarMatcher, openGrammar } from '../matcher/open-grammar.js'
import { compileVocabulary, type Vocabulary } from '../vocabulary/vocabulary.js'

/** What the tests tokenize with: every byte, pieces that JSON is made of, an opener without bytes, and an end. */
const PIECES = [
  ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  ...[
    '{"',
    '"}',
    '":',
    '": "',
    '", "',
    '[]',
    '{}',
    ']}',
    'true',
    'null',
    'name',
    '00',
    '12',
    '.5',
    '\n  ',
    '\\u00',
    'é',
    '中文',
    'aa',
  ].map((text) => new TextEncoder().encode(text)),
]
export const OPENER = PIECES.length
export const END = PIECES.length + 1
const SIZE = PIECES.length + 2

export const testVocabulary: Vocabulary = compileVocabulary({
  size: SIZE,
  tokenBytes: (id) => PIECES[id],
  endTokenIds: [END],
})

export const open = (source: GrammarSource): GrammarMatcher =>
  openGrammar(compileGrammar(source, testVocabulary))

export const openSchema = (schema: unknown) => open({ type: 'json_schema', schema })

/** The ids whose bits are set. */
export function allowed(matcher: GrammarMatcher): number[] {
  const mask = matcher.mask()
  return Array.from({ length: SIZE }, (_, id) => id).filter(
    (id) => ((mask[id >> 5]! >>> (id & 31)) & 1) === 1,
  )
}

/** True if the text, one byte after another, is a whole answer. */
export function accepts(start: GrammarMatcher, text: string): boolean {
  const matcher = start.clone()
  return [...new TextEncoder().encode(text), END].every((id) => matcher.accept(id))
}

/** True if the text is a whole answer in some random tokenization, each token being in the mask, too. */
export function acceptsTokenized(start: GrammarMatcher, text: string, random: () => number): boolean {
  const matcher = start.clone()
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; ) {
    const fitting = PIECES.flatMap((piece, id) =>
      piece.every((byte, index) => bytes[at + index] === byte) ? [id] : [],
    )
    const id = fitting[Math.floor(random() * fitting.length)]!
    if (!allowed(matcher).includes(id) || !matcher.accept(id)) return false
    at += PIECES[id]!.length
  }
  return allowed(matcher).includes(END) && matcher.accept(END)
}

/** An answer of random tokens, each from its mask; ends as soon as it may after `patience` tokens. */
export function randomAnswer(matcher: GrammarMatcher, random: () => number, patience = 40): string {
  const bytes: number[] = []
  for (let count = 0; count < 5000; count++) {
    const ids = allowed(matcher)
    // What closes a value is rare among all tokens: an answer would hardly ever end.
    const closing = ids.filter((id) => CLOSING.includes(id))
    const choice = closing.length > 0 && (count > patience || random() < 0.3) ? closing : ids
    const id = choice[Math.floor(random() * choice.length)]!
    if (!matcher.accept(id)) throw new Error(`token ${id} was in the mask`)
    if (id === END) return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes))
    bytes.push(...(PIECES[id] ?? []))
  }
  throw new Error('an answer without an end')
}

const CLOSING = [END, ...['"', '}', ']'].map((text) => text.charCodeAt(0))]

/** Numbers from 0 to below 1 that only depend on the seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
