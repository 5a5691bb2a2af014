import type { JsonObject } from '../json.js'
import { wrong } from '../tokenizer-json.js'
import { booleanField, type Stage } from './fields.js'
import { byteTokens, type Model, rememberWords } from './model.js'
import { widthOf } from './pattern/character-set.js'
import { PAUSE_EVERY, type Steps } from './steps.js'
import { createTrie } from './trie.js'
import { noUnknownToken } from './word-models.js'

/** What an unknown character costs beyond the least likely token (sentence-piece's `kUnkPenalty`). */
const UNKNOWN_PENALTY = 10

/** The most likely split of a text, found from left to right (Viterbi; Kudo, arXiv 1804.10959). */
export function unigramModel(stage: Stage, vocabulary: ReadonlyMap<string, number>): Model {
  const entries = stage.json.vocab as readonly (readonly [string, number])[]
  const unknown = readUnknown(stage.json, entries.length)
  const fallsBack = booleanField(stage, 'byte_fallback', false)
  const scores = Float64Array.from(entries, ([, score]) => score)
  const unknownScore =
    scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY) - UNKNOWN_PENALTY
  const trie = createTrie(vocabulary)
  return { encode: rememberWords(encode) }

  function* encode(text: string, ids: number[]): Steps<void> {
    const path = yield* bestPath(text)
    for (let index = 0; index < path.length - 1; index++) {
      pushIds(text.slice(path[index]!, path[index + 1]!), ids)
      if (index % PAUSE_EVERY === 0) yield
    }
  }

  /** Where the tokens of the best split begin, and the end; neighbours that are unknown count as one. */
  function* bestPath(text: string): Steps<number[]> {
    const best = new Float64Array(text.length + 1)
    const begins = new Int32Array(text.length + 1).fill(-1)
    const isUnknown = new Uint8Array(text.length + 1)
    // Counted by what is looked at: the tokens of a file may be as long as the text.
    for (let start = 0, work = 0; start < text.length; work++) {
      if (work >= PAUSE_EVERY) {
        work = 0
        yield
      }
      const width = widthOf(text.codePointAt(start)!)
      let hasCharacter = false
      for (let node = 0, at = start; at < text.length; ) {
        node = trie.step(node, text.charCodeAt(at++))
        work++
        if (node === 0) break
        const id = trie.valueOf(node)
        if (id === -1) continue
        offer(at, start, best[start]! + scores[id]!, id === unknown)
        if (at - start === width) hasCharacter = true
      }
      if (!hasCharacter) {
        if (unknown === undefined) throw noUnknownToken()
        offer(start + width, start, best[start]! + unknownScore, true)
      }
      start += width
    }
    return backwards(text.length)

    function offer(end: number, start: number, score: number, unknownToken: boolean): void {
      if (begins[end] !== -1 && score <= best[end]!) return
      best[end] = score
      begins[end] = start
      isUnknown[end] = unknownToken ? 1 : 0
    }

    function backwards(length: number): number[] {
      const path = [length]
      for (let end = length; end > 0; end = begins[end]!) {
        const start = begins[end]!
        const joins = start > 0 && isUnknown[end] === 1 && isUnknown[start] === 1
        if (!joins) path.push(start)
      }
      return path.reverse()
    }
  }

  function pushIds(token: string, ids: number[]): void {
    const id = vocabulary.get(token)
    if (id !== undefined) {
      ids.push(id)
      return
    }
    const bytes = fallsBack ? byteTokens(token, vocabulary) : undefined
    for (const byte of bytes ?? [unknownId()]) ids.push(byte)
  }

  function unknownId(): number {
    if (unknown === undefined) throw noUnknownToken()
    return unknown
  }
}

function readUnknown({ unk_id: id }: JsonObject, size: number): number | undefined {
  if (id === undefined || id === null) return undefined
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < size) return id
  throw wrong('model.unk_id', id, `a whole number below ${size}, or null`)
}
