import { wrong } from '../tokenizer-json.js'
import { toByteCharacters } from './byte-alphabet.js'
import { numeric, punctuation, whiteSpace, wordCharacter } from './characters.js'
import {
  booleanField,
  characterField,
  countField,
  rootStage,
  type Stage,
  stagesIn,
  unknownStage,
  wordField,
} from './fields.js'
import { type CharacterSet, widthOf } from './pattern/character-set.js'
import { type Pattern, readPattern, regexPattern, type Segment, textPattern } from './pattern/pattern.js'
import { rewrittenSpans, type Spans, slicedSpans } from './spans.js'
import { applyBehavior, type SplitBehavior, splitBehaviors } from './split-behavior.js'
import { splitByScript } from './unicode-scripts.js'

/** A part of the text on its way to the model. */
export interface Piece {
  readonly text: string
  /** How much of the piece was made of the first character of the whole text; 0 for pieces behind it. */
  readonly head: number
  /** Where it comes from, of texts that are traced. */
  readonly spans?: Spans | undefined
}

/** Splits a piece, and may rewrite the parts. Parts are made when they are asked for. */
export type PreTokenizer = (piece: Piece) => Iterable<Piece>

/** The pre-tokenizer of tokenizer.json, or undefined where there is none. Throws TokenizerFileError. */
export function readPreTokenizer(value: unknown): PreTokenizer | undefined {
  return value === null ? undefined : createPreTokenizer(rootStage(value, 'pre_tokenizer'))
}

function createPreTokenizer(stage: Stage): PreTokenizer {
  switch (stage.json.type) {
    case 'Sequence':
      return inTurn(stagesIn(stage, 'pretokenizers').map(createPreTokenizer))
    case 'ByteLevel':
      return byteLevelPreTokenizer(stage)
    case 'Metaspace':
      return metaspacePreTokenizer(stage)
    case 'Split':
      return splitPreTokenizer(stage)
    case 'Whitespace':
      return splitBy(wordsAndOthers, 'Isolated')
    case 'WhitespaceSplit':
      return splitBy(charactersIn(whiteSpace), 'Removed')
    case 'BertPreTokenizer':
      return inTurn([
        splitBy(charactersIn(whiteSpace), 'Removed'),
        splitBy(charactersIn(punctuation), 'Isolated'),
      ])
    case 'Punctuation':
      return splitBy(charactersIn(punctuation), wordField(stage, 'behavior', splitBehaviors, 'Isolated'))
    case 'Digits':
      return splitBy(
        charactersIn(numeric),
        booleanField(stage, 'individual_digits') ? 'Isolated' : 'Contiguous',
      )
    case 'CharDelimiterSplit':
      return splitBy(textPattern(characterField(stage, 'delimiter')), 'Removed')
    case 'FixedLength':
      return fixedLengthPreTokenizer(countField(stage, 'length', 1, 5))
    case 'UnicodeScripts':
      return partsOf(splitByScript)
    default:
      throw unknownStage(stage)
  }
}

function inTurn(stages: readonly PreTokenizer[]): PreTokenizer {
  return stages.reduceRight<PreTokenizer>(
    (next, stage) =>
      function* (piece) {
        for (const part of stage(piece)) yield* next(part)
      },
    (piece) => (piece.text === '' ? [] : [piece]),
  )
}

/** A pre-tokenizer that cuts and leaves every part as it is. */
function partsOf(ranges: (text: string) => Iterable<readonly [start: number, end: number]>): PreTokenizer {
  return function* ({ text, head, spans }) {
    if (text === '') return
    for (const [start, end] of ranges(text)) {
      if (end <= start) continue
      const part = { text: text.slice(start, end), head: Math.max(0, head - start) }
      yield spans === undefined ? part : { ...part, spans: slicedSpans(spans, start, end) }
    }
  }
}

function splitBy(pattern: Pattern, behavior: SplitBehavior): PreTokenizer {
  return partsOf((text) => applyBehavior(pattern(text), behavior))
}

/** Each character of a set as a match, and what lies between. */
function charactersIn(set: CharacterSet): Pattern {
  return function* (text) {
    let done = 0
    for (let at = 0; at < text.length; ) {
      const code = text.codePointAt(at)!
      const end = at + widthOf(code)
      if (set.has(code)) {
        if (at > done) yield { start: done, end: at, isMatch: false }
        yield { start: at, end, isMatch: true }
        done = end
      }
      at = end
    }
    if (done < text.length) yield { start: done, end: text.length, isMatch: false }
  }
}

/** Runs of word characters and runs of others, without white space. */
function* wordsAndOthers(text: string): Generator<Segment> {
  let start = 0
  let before: 'word' | 'other' | 'space' = 'space'
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at)!
    const kind = wordCharacter.has(code) ? 'word' : whiteSpace.has(code) ? 'space' : 'other'
    if (kind !== before) {
      if (before !== 'space') yield { start, end: at, isMatch: true }
      start = at
      before = kind
    }
    at += widthOf(code)
  }
  if (before !== 'space') yield { start, end: text.length, isMatch: true }
}

function splitPreTokenizer(stage: Stage): PreTokenizer {
  const pattern = readPattern(stage.json.pattern, `${stage.path}.pattern`)
  const behavior = wordField(stage, 'behavior', splitBehaviors)
  return splitBy(booleanField(stage, 'invert') ? inverted(pattern) : pattern, behavior)
}

function inverted(pattern: Pattern): Pattern {
  return function* (text) {
    for (const { start, end, isMatch } of pattern(text)) yield { start, end, isMatch: !isMatch }
  }
}

/** The pattern of GPT-2, which ByteLevel applies by itself. */
const gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

function byteLevelPreTokenizer(stage: Stage): PreTokenizer {
  const addsSpace = booleanField(stage, 'add_prefix_space')
  const splits = booleanField(stage, 'use_regex', true)
    ? splitBy(regexPattern(gpt2Pattern, stage.path), 'Isolated')
    : (piece: Piece) => [piece]
  return function* (piece) {
    const begun =
      addsSpace && piece.text !== '' && !piece.text.startsWith(' ') ? withPrefix(piece, ' ') : piece
    for (const part of splits(begun)) {
      const text = toByteCharacters(part.text)
      const head = part.head === 0 ? 0 : toByteCharacters(part.text.slice(0, part.head)).length
      const { spans } = part
      yield { text, head, ...(spans && { spans: spansOfBytes(spans, part.text) }) }
    }
  }
}

/** The text behind a prefix, which is no part of its first character. */
const withPrefix = (piece: Piece, prefix: string, text = piece.text): Piece => ({
  ...piece,
  text: prefix + text,
  ...(piece.spans && {
    spans: rewrittenSpans(piece.spans, [
      ['', prefix],
      [piece.text, text],
    ]),
  }),
})

const spansOfBytes = (spans: Spans, text: string): Spans =>
  rewrittenSpans(
    spans,
    Array.from(text, (character) => [character, toByteCharacters(character)] as const),
  )

function metaspacePreTokenizer(stage: Stage): PreTokenizer {
  const mark = characterField(stage, 'replacement')
  const scheme = readPrependScheme(stage)
  const split = booleanField(stage, 'split', true)
  const parts = splitBy(textPattern(mark), 'MergedWithNext')
  return (piece) => {
    const marked = piece.text.replaceAll(' ', mark)
    const prepends = scheme === 'always' || (scheme === 'first' && piece.head > 0)
    const isBegun = prepends && marked !== '' && !marked.startsWith(mark)
    const whole = isBegun ? withPrefix(piece, mark, marked) : { ...piece, text: marked }
    return split ? parts(whole) : [whole]
  }
}

/** When Metaspace puts its mark before a text; older files say `add_prefix_space`. */
export function readPrependScheme(stage: Stage): 'first' | 'never' | 'always' {
  const scheme = wordField(stage, 'prepend_scheme', ['first', 'never', 'always'], 'always')
  if (stage.json.add_prefix_space !== false || scheme === 'never') return scheme
  if (stage.json.prepend_scheme === undefined) return 'never'
  throw wrong(`${stage.path}.prepend_scheme`, scheme, '"never", since add_prefix_space is false')
}

function fixedLengthPreTokenizer(length: number): PreTokenizer {
  return partsOf(function* (text) {
    let start = 0
    let count = 0
    for (let at = 0; at < text.length; ) {
      at += widthOf(text.codePointAt(at)!)
      if (++count % length !== 0) continue
      yield [start, at]
      start = at
    }
    if (start < text.length) yield [start, text.length]
  })
}
