import { toByteCharacters } from './byte-alphabet.js'
import { whiteSpace } from './characters.js'
import {
  booleanField,
  checkGrowth,
  rootStage,
  type Stage,
  stagesIn,
  textField,
  unknownStage,
} from './fields.js'
import { readPattern } from './pattern/pattern.js'
import { precompiledReplacement } from './precompiled.js'
import { joinedSpans, rewrittenSpans, type Spans, slicedSpans, spansOfParts, type Traced } from './spans.js'
import { asStep, PAUSE_EVERY, type Steps } from './steps.js'
import { chunksOf, combinedCharacters, graphemes } from './text-parts.js'
import { controlClass, markClass, nonspacingMarkClass, normalizeAs } from './unicode-tables.js'

/**
 * Rewrites a text before it is split.
 *
 * @param traced of the text; afterwards, of the result.
 */
export type Normalizer = (text: string, traced?: Traced) => Steps<string>

/** The normalizer of tokenizer.json, or undefined where there is none. Throws TokenizerFileError. */
export function readNormalizer(value: unknown): Normalizer | undefined {
  return value === null ? undefined : createNormalizer(rootStage(value, 'normalizer'))
}

function createNormalizer(stage: Stage): Normalizer {
  switch (stage.json.type) {
    case 'BertNormalizer':
      return bertNormalizer(stage)
    case 'Strip':
      return stripNormalizer(stage)
    case 'StripAccents':
      return byCharacters((text) => text.replace(marks, ''))
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = stage.json.type
      return byCharacters((text) => normalizeAs(form, text))
    }
    case 'Lowercase':
      return byCharacters(lowercase)
    case 'Nmt':
      return byCharacters(cleanForTranslation)
    case 'Precompiled':
      return byCharacters(precompiledReplacement(stage), graphemes)
    case 'Replace':
      return replaceNormalizer(stage)
    case 'Prepend': {
      const prefix = textField(stage, 'prepend')
      return asStep((text, traced) => {
        if (text === '') return text
        if (traced)
          traced.spans = rewrittenSpans(traced.spans, [
            ['', prefix],
            [text, text],
          ])
        return prefix + text
      })
    }
    case 'ByteLevel':
      return byCharacters(toByteCharacters, (text) => text)
    case 'Sequence':
      return sequenceNormalizer(stage)
    default:
      throw unknownStage(stage)
  }
}

function sequenceNormalizer(stage: Stage): Normalizer {
  const normalizers = stagesIn(stage, 'normalizers').map(createNormalizer)
  return function* (text, traced) {
    let result = text
    for (const normalize of normalizers) {
      result = yield* normalize(result, traced)
      checkGrowth(text.length, result.length, stage.path)
    }
    return result
  }
}

/** A normalizer that sees at most a character and what combines with it. */
function byCharacters(
  normalize: (text: string) => string,
  parts: (text: string) => Iterable<string> = combinedCharacters,
): Normalizer {
  return function* (text, traced) {
    const results: string[] = []
    const spans: Spans[] = []
    let start = 0
    for (const chunk of chunksOf(text)) {
      const result = normalize(chunk)
      const own = slicedSpans(traced?.spans, start, start + chunk.length)
      results.push(result)
      if (own) spans.push(yield* spansOfParts(own, result, normalize, parts(chunk)))
      start += chunk.length
      yield
    }
    if (traced) traced.spans = joinedSpans(spans)
    return results.join('')
  }
}

/** Lower case of each character on its own: a final sigma is a sigma like any other. */
function lowercase(text: string): string {
  return text.replaceAll('\u03A3', '\u03C3').toLowerCase()
}

/** What the normalizer called Nmt removes, and what it takes for a space. */
function cleanForTranslation(text: string): string {
  return text
    .replace(/(?![\0\t\n\f\r\u0080-\u008E\u0090-\u009E])\p{Cc}/gu, '')
    .replace(/[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/g, ' ')
}

/** The basic tokenizer of BERT, up to splitting. */
function bertNormalizer(stage: Stage): Normalizer {
  const cleans = booleanField(stage, 'clean_text')
  const separates = booleanField(stage, 'handle_chinese_chars')
  const lowers = booleanField(stage, 'lowercase')
  const stripsAccents =
    stage.json.strip_accents === null ? lowers : booleanField(stage, 'strip_accents', lowers)
  return byCharacters((text) => {
    let result = text
    if (cleans) result = cleanForBert(result)
    if (separates) result = result.replace(ideographs, ' $& ')
    if (stripsAccents) result = normalizeAs('NFD', result).replace(nonspacingMarks, '')
    return lowers ? lowercase(result) : result
  })
}

const marks = new RegExp(markClass, 'gv')
const nonspacingMarks = new RegExp(nonspacingMarkClass, 'gv')
const controls = new RegExp(`[[\\u{FFFD}${controlClass}]--[\\t\\n\\r]]`, 'gv')

/** Control characters and the like go, all white space becomes the ordinary one. */
function cleanForBert(text: string): string {
  return text.replace(controls, '').replace(/\p{White_Space}/gu, ' ')
}

/** The blocks that BERT calls Chinese; those of Japanese syllables and Korean are none of them. */
const ideographs =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu

function stripNormalizer(stage: Stage): Normalizer {
  const left = booleanField(stage, 'strip_left')
  const right = booleanField(stage, 'strip_right')
  return asStep((text, traced) => {
    let start = 0
    let end = text.length
    // White space has no characters beyond the basic plane.
    while (left && start < end && whiteSpace.has(text.charCodeAt(start))) start++
    while (right && end > start && whiteSpace.has(text.charCodeAt(end - 1))) end--
    if (traced) traced.spans = traced.spans.subarray(2 * start, 2 * end)
    return text.slice(start, end)
  })
}

function replaceNormalizer(stage: Stage): Normalizer {
  const pattern = readPattern(stage.json.pattern, `${stage.path}.pattern`)
  const content = textField(stage, 'content')
  return function* (text, traced) {
    if (text === '') return text
    const rewritten: (readonly [before: string, after: string])[] = []
    // Hundreds of thousands of parts would take long to join in one go.
    const joined: string[] = []
    let parts: string[] = []
    let paused = 0
    let length = 0
    for (const { start, end, isMatch } of pattern(text, PAUSE_EVERY)) {
      const before = text.slice(start, end)
      const after = isMatch ? content : before
      parts.push(after)
      if (traced) rewritten.push([before, after])
      length += isMatch ? content.length : end - start
      checkGrowth(text.length, length, stage.path)
      if (end - paused < PAUSE_EVERY) continue
      paused = end
      joined.push(parts.join(''))
      parts = []
      yield
    }
    if (traced) traced.spans = rewrittenSpans(traced.spans, rewritten)
    return joined.join('') + parts.join('')
  }
}
