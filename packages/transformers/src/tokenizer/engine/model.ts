import type { Steps } from './steps.js'

/** Turns a piece of text, as the pre-tokenizer left it, into tokens. */
export interface Model {
  /** Appends the ids of a piece, which is not empty. */
  encode(piece: string, ids: number[]): Steps<void>
}

/** Pieces whose ids are kept, and the longest of them: words come again and again, whole texts do not. */
const MAX_REMEMBERED = 50_000
const MAX_REMEMBERED_LENGTH = 256

/** A model that knows the ids of words that it has seen. */
export function rememberWords(encode: (piece: string, ids: number[]) => Steps<void>): Model['encode'] {
  const known = new Map<string, readonly number[]>()
  return function* (piece, ids) {
    const before = known.get(piece)
    if (before !== undefined) {
      for (const id of before) ids.push(id)
      return
    }
    const start = ids.length
    yield* encode(piece, ids)
    if (piece.length > MAX_REMEMBERED_LENGTH) return
    if (known.size >= MAX_REMEMBERED) known.clear()
    known.set(piece, ids.slice(start))
  }
}

/** The byte tokens of a text, or undefined unless the vocabulary has all of them. */
export function byteTokens(text: string, vocabulary: ReadonlyMap<string, number>): number[] | undefined {
  const ids: number[] = []
  for (const byte of Buffer.from(text)) {
    const id = vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
    if (id === undefined) return undefined
    ids.push(id)
  }
  return ids
}
