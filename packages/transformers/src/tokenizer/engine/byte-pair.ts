import { wrong } from '../tokenizer-json.js'
import { booleanField, type Stage } from './fields.js'
import { independentParts, type PartSplitter } from './independent-parts.js'
import { createMergeQueue } from './merge-queue.js'
import { byteTokens, type Model, rememberWords } from './model.js'
import { createPairTable, type PairTable } from './pair-table.js'
import { widthOf } from './pattern/character-set.js'
import { PAUSE_EVERY, type Steps } from './steps.js'
import { optionalText } from './word-models.js'

/** A queue holds the rank of a merge above the position: 2^22 merges of texts of 2^31 characters fit a float64. */
const POSITIONS = 2 ** 31

/** Merges of a vocabulary: which rank a pair of tokens has, and what becomes of it. */
export interface Merges {
  readonly ranks: PairTable
  /** Token by rank. */
  readonly results: Int32Array
}

/**
 * Byte-pair encoding: the characters of a piece, of which the pair with the lowest rank is merged until none is left
 * (Sennrich et al., arXiv 1508.07909). `dropout` is for training and is not applied.
 */
export function bytePairModel(stage: Stage, vocabulary: ReadonlyMap<string, number>): Model {
  const prefix = optionalText(stage, 'continuing_subword_prefix') ?? ''
  const suffix = optionalText(stage, 'end_of_word_suffix') ?? ''
  const unknownToken = optionalText(stage, 'unk_token')
  const unknown = unknownToken === undefined ? undefined : vocabulary.get(unknownToken)
  const joinsUnknown = booleanField(stage, 'fuse_unk', false)
  const fallsBack = booleanField(stage, 'byte_fallback', false)
  const takesWholeWords = booleanField(stage, 'ignore_merges', false)
  const list = readMerges(stage)
  const merges = resolveMerges(list, vocabulary, prefix)
  const canSplit = prefix === '' && suffix === '' && !list.some((pair) => pair.some(isNoText))
  let splitter: PartSplitter | undefined

  const encodeWord = rememberWords(mergeWord)
  return { encode }

  function* encode(piece: string, ids: number[]): Steps<void> {
    const whole = takesWholeWords ? vocabulary.get(piece) : undefined
    if (whole !== undefined) {
      ids.push(whole)
    } else if (canSplit && piece.length > LONG_PIECE) {
      splitter ??= yield* independentParts(list, vocabulary)
      let count = 0
      for (const part of splitter(piece)) {
        yield* encodeWord(part, ids)
        if (++count % PAUSE_EVERY === 0) yield
      }
    } else {
      yield* encodeWord(piece, ids)
    }
  }

  /** Tokens that stand for no text of their own must not be cut off from what they were merged with. */
  function isNoText(token: string): boolean {
    return token === unknownToken || (fallsBack && /^<0x[0-9A-F]{2}>$/.test(token))
  }

  function* mergeWord(word: string, ids: number[]): Steps<void> {
    const symbols = Int32Array.from(symbolsOf(word))
    if (symbols.length > 1) yield* mergeAll(symbols)
    for (const id of symbols) if (id !== REMOVED) ids.push(id)
  }

  /** A token for each character; what the vocabulary lacks becomes bytes, the unknown token or nothing. */
  function symbolsOf(word: string): number[] {
    const symbols: number[] = []
    let pendingUnknown = false
    const flush = () => {
      if (pendingUnknown) symbols.push(unknown!)
      pendingUnknown = false
    }
    for (let at = 0; at < word.length; ) {
      const end = at + widthOf(word.codePointAt(at)!)
      const character = (at > 0 ? prefix : '') + word.slice(at, end) + (end === word.length ? suffix : '')
      at = end
      const id = vocabulary.get(character)
      if (id !== undefined) {
        flush()
        symbols.push(id)
        continue
      }
      // Bytes do not end a run of unknown characters, so that the unknown token comes behind them.
      const bytes = fallsBack ? byteTokens(character, vocabulary) : undefined
      if (bytes !== undefined) {
        symbols.push(...bytes)
      } else if (unknownToken !== undefined) {
        if (unknown === undefined) throw wrong('model.unk_token', unknownToken, 'a token of model.vocab')
        if (!joinsUnknown) flush()
        pendingUnknown = true
      }
    }
    flush()
    return symbols
  }

  /** Merges in place; what became part of its left neighbour is REMOVED. */
  function* mergeAll(symbols: Int32Array): Steps<void> {
    const { length } = symbols
    const before = Int32Array.from({ length }, (_, at) => at - 1)
    const after = Int32Array.from({ length }, (_, at) => at + 1)
    const queue = createMergeQueue()
    for (let at = 0; at < length - 1; at++) offer(at)
    let count = 0
    while (queue.size > 0) {
      if (++count % PAUSE_EVERY === 0) yield
      const top = queue.pop()
      const rank = Math.floor(top / POSITIONS)
      const at = top - rank * POSITIONS
      const right = after[at]!
      if (symbols[at] === REMOVED || right >= length) continue
      if (merges.ranks.get(symbols[at]!, symbols[right]!) !== rank) continue
      symbols[at] = merges.results[rank]!
      symbols[right] = REMOVED
      after[at] = after[right]!
      if (after[at]! < length) before[after[at]!] = at
      if (before[at]! >= 0) offer(before[at]!)
      offer(at)
    }

    function offer(at: number): void {
      const right = after[at]!
      if (right >= length) return
      const rank = merges.ranks.get(symbols[at]!, symbols[right]!)
      if (rank !== -1) queue.push(rank * POSITIONS + at)
    }
  }
}

const REMOVED = -1

/** Pieces up to this length are words; longer ones are cut where no merge can reach. */
const LONG_PIECE = 64

function readMerges({ json, path }: Stage): readonly (readonly [string, string])[] {
  const list = json.merges as readonly (string | readonly [string, string])[]
  return list
    .filter((merge) => typeof merge !== 'string' || !merge.startsWith('#version'))
    .map((merge, index) => {
      const pair = typeof merge === 'string' ? merge.split(' ') : merge
      if (pair.length !== 2) throw wrong(`${path}.merges[${index}]`, merge, 'two tokens')
      return [pair[0]!, pair[1]!]
    })
}

/** Of two merges with the same pair the later one counts, as in a map. */
function resolveMerges(
  list: readonly (readonly [string, string])[],
  vocabulary: ReadonlyMap<string, number>,
  prefix: string,
): Merges {
  const ranks = createPairTable(list.length)
  const results = new Int32Array(list.length)
  list.forEach(([left, right], rank) => {
    ranks.set(idOf(left, rank), idOf(right, rank), rank)
    results[rank] = idOf(left + right.slice(prefix.length), rank)
  })
  return { ranks, results }

  function idOf(token: string, rank: number): number {
    const id = vocabulary.get(token)
    if (id === undefined) throw wrong(`model.merges[${rank}]`, token, 'tokens of model.vocab')
    return id
  }
}
