import { TokenizerError } from '../errors.js'
import type { CheckedTokenizerJson, TokenizerJson } from '../tokenizer-json.js'
import { createAddedTokens } from './added-tokens.js'
import { bytePairModel } from './byte-pair.js'
import { readDecoder } from './decoders.js'
import { type Stage, stageAt, unknownStage } from './fields.js'
import type { Model } from './model.js'
import { readNormalizer } from './normalizers.js'
import { type PairIds, pairIds, readPostProcessor } from './post-processors.js'
import { type Piece, readPreTokenizer } from './pre-tokenizers.js'
import { ownSpans, slicedSpans, wholeSpan } from './spans.js'
import { PAUSE_EVERY, type Steps } from './steps.js'
import { readSpelling, readTrimming, tokenSpans, trimmedSpan } from './token-spans.js'
import { unigramModel } from './unigram.js'
import { wordLevelModel, wordPieceModel } from './word-models.js'

/** What a tokenizer.json describes, stage by stage as the Rust library `tokenizers` has it. */
export interface TokenizerEngine {
  /** The ids of a text, in steps. Throws TokenizerError, or TokenizerFileError for a pattern that takes too long. */
  encode(text: string, options: EncodeSettings): Steps<number[]>
  /** The ids of two texts as one sequence, and which of them each belongs to. */
  encodePair(first: string, second: string, settings: Pick<EncodeSettings, 'truncateTo'>): Steps<PairIds>
  /** The ids of a text, and where each comes from. */
  encodeTraced(text: string, settings: Pick<EncodeSettings, 'truncateTo'>): Steps<TracedIds>
  /** The ids of words that are tokenized one by one, as one sequence, and the word that each belongs to. */
  encodeWords(words: readonly string[], settings: Pick<EncodeSettings, 'truncateTo'>): Steps<WordIds>
  /** The text of ids; those without a token stand for nothing. */
  decode(ids: readonly number[]): string
  /** True for an id whose text is known only when the run of bytes that it belongs to has ended. */
  isByte(id: number): boolean
  /** The bytes that an id adds to a text; none for a special token, and for an id without a token. */
  bytesOf(id: number): Uint8Array
  idOf(token: string): number | undefined
  /** As the vocabulary writes it. */
  tokenOf(id: number): string | undefined
  /** Ids of tokens that are special. */
  readonly specialIds: ReadonlySet<number>
  /** Tokens, added ones included. */
  readonly size: number
}

export interface WordIds {
  readonly ids: readonly number[]
  /** Undefined for ids that belong to no word. */
  readonly wordIds: readonly (number | undefined)[]
}

export interface TracedIds {
  readonly ids: readonly number[]
  /** Start and end in UTF-16 units; undefined for ids that are put around the text. */
  readonly offsets: readonly (readonly [start: number, end: number] | undefined)[]
}

export interface EncodeSettings {
  readonly addSpecialTokens: boolean
  /** Ids at most: those beyond are cut off the end of the text. */
  readonly truncateTo?: number | undefined
  /** Ids that are of use: TEXT_TOO_LONG is thrown as soon as there are more. */
  readonly maxTokens?: number | undefined
}

/** Beyond this many ids the numbers alone take half a gigabyte. */
const MAX_TOKENS = 2 ** 24

/** A piece counts as so many characters more: a pattern of a strange file may take a millisecond for each. */
const PIECE_EFFORT = 32

/** Builds an engine. Throws TokenizerFileError naming the stage and field. */
export function createEngine(
  json: TokenizerJson,
  vocabulary: CheckedTokenizerJson['vocabulary'],
): TokenizerEngine {
  const model = createModel(stageAt(json.model, 'model'), vocabulary)
  const normalize = readNormalizer(json.normalizer)
  const preTokenize = readPreTokenizer(json.pre_tokenizer)
  const postProcess = readPostProcessor(json.post_processor)
  const decoder = readDecoder(json.decoder)
  const added = createAddedTokens(json.added_tokens, normalize)
  // Vocabularies have hundreds of thousands of tokens: a list is filled in a fraction of the time of a map.
  const tokenOf: (string | undefined)[] = []
  for (const [token, id] of vocabulary) tokenOf[id] = token
  const addedIds = new Map<string, number>()
  for (const { id, content } of json.added_tokens) {
    addedIds.set(content, id)
    tokenOf[id] = added.decoded.get(id) ?? content
  }
  const specialIds = new Set(json.added_tokens.filter(({ special }) => special === true).map(({ id }) => id))
  const spelling = readSpelling(json)
  const trimming = readTrimming(json.post_processor)
  const addedOnly = [...addedIds.keys()].filter((token) => !vocabulary.has(token))

  return {
    size: vocabulary.size + addedOnly.length,
    specialIds,
    idOf: (token) => addedIds.get(token) ?? vocabulary.get(token),
    tokenOf: (id) => tokenOf[id],
    isByte: (id) => decoder.isByte(tokenOf[id] ?? ''),
    bytesOf(id) {
      const token = specialIds.has(id) ? undefined : tokenOf[id]
      return token === undefined ? new Uint8Array() : decoder.bytesOf(token)
    },

    *encode(text, { addSpecialTokens, truncateTo, maxTokens = MAX_TOKENS }) {
      const lengthOf = (count: number) => (addSpecialTokens ? (postProcess?.lengthOf(count) ?? count) : count)
      const check = (count: number) => checkLength(lengthOf(count), maxTokens)
      const ids = yield* encodeText(text, check)
      if (truncateTo !== undefined) truncate(ids, truncateTo, lengthOf)
      check(ids.length)
      return addSpecialTokens && postProcess !== undefined ? postProcess.apply(ids) : ids
    },

    *encodePair(first, second, { truncateTo }) {
      const check = (count: number) => checkLength(count, MAX_TOKENS)
      const one = yield* encodeText(first, check)
      const other = yield* encodeText(second, check)
      if (truncateTo !== undefined) truncatePair(one, other, truncateTo - (postProcess?.addedToPair() ?? 0))
      return pairIds(postProcess, one, other)
    },

    *encodeWords(words, { truncateTo }) {
      const lengthOf = (count: number) => postProcess?.lengthOf(count) ?? count
      const [ids, wordOf]: [number[], number[]] = [[], []]
      for (const [word, text] of words.entries()) {
        const check = (count: number) => checkLength(lengthOf(ids.length + count), MAX_TOKENS)
        for (const id of yield* encodeText(text, check)) {
          ids.push(id)
          wordOf.push(word)
        }
        check(0)
        yield
      }
      if (truncateTo !== undefined) truncate(ids, truncateTo, lengthOf)
      const { all, of: wordIds } = putAround(ids, wordOf)
      return { ids: all, wordIds }
    },

    *encodeTraced(text, { truncateTo }) {
      const lengthOf = (count: number) => postProcess?.lengthOf(count) ?? count
      const check = (count: number) => checkLength(lengthOf(count), MAX_TOKENS)
      const spans: Span[] = []
      const ids = yield* encodeText(text, check, spans)
      if (truncateTo !== undefined) truncate(ids, truncateTo, lengthOf)
      const trimmed = ids.map((id, index) => {
        const span = spans[index]!
        return trimming ? trimmedSpan(span, tokenOf[id] ?? '', index === 0, trimming) : span
      })
      const { all, of: offsets } = putAround(ids, trimmed)
      return { ids: all, offsets }
    },

    decode(ids) {
      const tokens: string[] = []
      for (const id of ids) {
        const token = tokenOf[id]
        if (token !== undefined) tokens.push(token)
      }
      return tokens.length === 0 ? '' : decoder.decode(tokens)
    },
  }

  /** What a model expects around ids, and of each of all ids, what there is `of` one of the given ones. */
  function putAround<Of>(ids: readonly number[], of: readonly Of[]) {
    // Places of ids, below zero: what is put around them can be told from them.
    const places = ids.map((_, index) => -1 - index)
    const all = postProcess === undefined ? places : postProcess.apply(places)
    return {
      all: all.map((place) => (place < 0 ? ids[-1 - place]! : place)),
      of: all.map((place) => (place < 0 ? of[-1 - place] : undefined)),
    }
  }

  /**
   * The ids of a text alone.
   *
   * @param spans takes where each of them comes from.
   */
  function* encodeText(text: string, check: (count: number) => void, spans?: Span[]): Steps<number[]> {
    const ids: number[] = []
    // Python has no text with half a character.
    const whole = text.replace(/\p{Cs}/gu, '\uFFFD')
    for (const section of yield* added.sections(whole, spans && ownSpans(whole.length))) {
      if ('id' in section) {
        ids.push(section.id)
        spans?.push(wholeSpan(section.spans!))
      } else yield* encodeSection(section, ids, () => check(ids.length), spans)
    }
    return ids
  }

  /** Of ids of a piece that is traced. */
  function spansIn({ text, spans }: Piece, ids: readonly number[]): readonly Span[] {
    const units = tokenSpans(
      text,
      ids.map((id) => tokenOf[id] ?? ''),
      spelling,
    )
    return units.map(([start, end]) => {
      const from = Math.min(start, text.length - 1)
      return wholeSpan(slicedSpans(spans, from, Math.max(end, from + 1))!)
    })
  }

  function* encodeSection(
    section: Piece,
    ids: number[],
    checkNow: () => void,
    spans: Span[] | undefined,
  ): Steps<void> {
    let characters = 0
    for (const piece of preTokenize?.(section) ?? [section]) {
      const first = ids.length
      if (piece.text !== '') yield* model.encode(piece.text, ids)
      spans?.push(...spansIn(piece, ids.slice(first)))
      characters += piece.text.length + PIECE_EFFORT
      if (characters < PAUSE_EVERY) continue
      characters = 0
      checkNow()
      yield
    }
  }
}

type Span = readonly [start: number, end: number]

/** Cuts ids of a text off its end until those that it becomes are few enough, or none is left. */
function truncate(ids: number[], most: number, lengthOf: (count: number) => number): void {
  const beyond = lengthOf(ids.length) - most
  if (beyond <= 0) return
  let kept = Math.max(ids.length - beyond, 0)
  // A template may repeat the text.
  while (kept > 0 && lengthOf(kept) > most) kept -= 1
  while (kept < ids.length && lengthOf(kept + 1) <= most) kept += 1
  ids.length = kept
}

/** Cuts the longer of two texts until both fit, and then both alike, as the Rust library does. */
function truncatePair(first: number[], second: number[], most: number): void {
  const room = Math.max(most, 0)
  if (first.length + second.length <= room) return
  const [shorter, longer] = first.length > second.length ? [second, first] : [first, second]
  if (2 * shorter.length <= room) longer.length = room - shorter.length
  else {
    shorter.length = Math.floor(room / 2)
    longer.length = room - shorter.length
  }
}

function checkLength(length: number, maxTokens: number): void {
  if (length <= maxTokens) return
  throw new TokenizerError('TEXT_TOO_LONG', `the text has more than ${maxTokens} tokens`, {
    field: 'text',
    expected: maxTokens,
    hint: 'Shorten the text, or encode it in parts.',
  })
}

function createModel(stage: Stage, vocabulary: ReadonlyMap<string, number>): Model {
  switch (stage.json.type ?? guessType(stage)) {
    case 'BPE':
      return bytePairModel(stage, vocabulary)
    case 'Unigram':
      return unigramModel(stage, vocabulary)
    case 'WordPiece':
      return wordPieceModel(stage, vocabulary)
    case 'WordLevel':
      return wordLevelModel(stage, vocabulary)
    default:
      throw unknownStage(stage)
  }
}

/** Files of early versions do not name the type: the fields tell. */
function guessType({ json }: Stage): string | undefined {
  if (json.merges !== undefined) return 'BPE'
  if (Array.isArray(json.vocab)) return 'Unigram'
  if (json.max_input_chars_per_word !== undefined) return 'WordPiece'
  return json.vocab === undefined ? undefined : 'WordLevel'
}
