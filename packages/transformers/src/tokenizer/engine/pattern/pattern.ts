import { isObject } from '../../json.js'
import { wrong } from '../../tokenizer-json.js'
import { unsupported } from '../fields.js'
import { compilePattern } from './compile-pattern.js'
import { createMatcher, type Matcher, PatternTooSlowError } from './match-pattern.js'
import { PatternSyntaxError, parsePattern } from './parse-pattern.js'

/** A part of a text that a pattern matches, or one between two of them. */
export interface Segment {
  readonly start: number
  readonly end: number
  readonly isMatch: boolean
}

/**
 * A pattern of tokenizer.json: cuts a text into what it matches and what lies between.
 *
 * @param longest characters after which a search without a match is given as a part of its own, for those who pause
 * between parts; default none.
 */
export type Pattern = (text: string, longest?: number) => Iterable<Segment>

/**
 * Reads a field `{ String }` or `{ Regex }`. Throws TokenizerFileError for one that is neither, or a regular expression
 * that Oniguruma would not know.
 */
export function readPattern(value: unknown, path: string): Pattern {
  if (isObject(value)) {
    if (typeof value.String === 'string') return textPattern(value.String)
    if (typeof value.Regex === 'string') return regexPattern(value.Regex, path)
  }
  throw wrong(path, value, '{ "String": … } or { "Regex": … }')
}

/** Every occurrence of a text; an empty one occurs before each character and at the end. */
export function textPattern(wanted: string): Pattern {
  return wanted === '' ? regexPattern('', 'pattern') : (text) => occurrences(wanted, text)
}

function* occurrences(wanted: string, text: string): Generator<Segment> {
  let done = 0
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, done)) {
    if (at > done) yield { start: done, end: at, isMatch: false }
    done = at + wanted.length
    yield { start: at, end: done, isMatch: true }
  }
  if (done < text.length) yield { start: done, end: text.length, isMatch: false }
}

/**
 * Matches of a regular expression. The engine is not that of patterns in configurations (core), which have Python's
 * syntax and only say whether a name matches: here it counts which match is preferred, and where it ends. While it is
 * used, throws TokenizerFileError when a text takes it too long.
 */
export function regexPattern(source: string, path: string): Pattern {
  const program = compile(source, path)
  // Most texts are words, and making a matcher takes longer than matching one. Two texts may be split at a time.
  let idle: Matcher | undefined
  return function* (text, longest = Number.POSITIVE_INFINITY) {
    const matcher = idle ?? createMatcher(program)
    idle = undefined
    try {
      matcher.begin(text)
      yield* matches(matcher, text, longest)
    } finally {
      matcher.begin('')
      idle = matcher
    }
  }

  function* matches(matcher: Matcher, text: string, longest: number): Generator<Segment> {
    let done = 0
    let from = 0
    let lastEnd = -1
    while (from <= text.length) {
      const until = Math.min(text.length, from + longest)
      if (!find(matcher, from, until)) {
        if (until === text.length) break
        from = until + 1
        yield { start: done, end: from, isMatch: false }
        done = from
        continue
      }
      const { start, end } = matcher
      // An empty match right behind another one does not count, and the search goes on one character later.
      if (start === end && end === lastEnd) {
        from = end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1)
        continue
      }
      if (start > done) yield { start: done, end: start, isMatch: false }
      yield { start, end, isMatch: true }
      done = end
      from = end
      lastEnd = end
    }
    if (done < text.length) yield { start: done, end: text.length, isMatch: false }
  }

  function find(matcher: Matcher, from: number, until: number): boolean {
    try {
      return matcher.find(from, until)
    } catch (cause) {
      if (!(cause instanceof PatternTooSlowError)) throw cause
      throw unsupported(
        path,
        `takes ${cause.message} for this text`,
        'The pattern backtracks without end; the original repository may have a sound one.',
      )
    }
  }
}

function compile(source: string, path: string): ReturnType<typeof compilePattern> {
  try {
    return compilePattern(parsePattern(source))
  } catch (cause) {
    if (!(cause instanceof PatternSyntaxError)) throw cause
    throw unsupported(
      path,
      `is a pattern with ${cause.message}`,
      'Patterns are those of Oniguruma without back references and captures.',
    )
  }
}
