import { ConfigError } from '../errors/families.js'
import { type Automaton, buildAutomaton, matchEnds } from './automaton.js'
import { parsePattern } from './parse-pattern.js'
import { PatternFault } from './pattern-fault.js'

/** Where a match has to lie, by the name of Python's function: at the start, over the whole text, anywhere. */
export type PatternMode = 'match' | 'fullmatch' | 'search'

/** A pattern from a configuration, ready to be asked. Two of one source and mode are equal. */
export class Pattern {
  readonly #automaton: Automaton

  constructor(
    /** As it was given. */
    readonly source: string,
    readonly mode: PatternMode,
    automaton: Automaton,
  ) {
    this.#automaton = automaton
  }

  test(text: string): boolean {
    const points = Array.from(text, (character) => character.codePointAt(0) as number)
    const anywhere = this.mode === 'search'
    const ends = matchEnds(this.#automaton, points, { backwards: false, anywhere })
    return this.mode === 'fullmatch' ? ends[points.length] === true : ends.includes(true)
  }
}

/** Longer than any pattern of a published model, lists of layers written out included. */
const MAX_LENGTH = 10_000

/**
 * Compiles a pattern of Python's `re` that comes from outside. Matching takes time that grows with pattern times text,
 * whatever the pattern: nothing is tried twice. Lookahead and lookbehind are offered; references to groups, conditions,
 * atomic groups, possessive quantifiers, verbose patterns and characters by name are not. Tokenizers have an engine of
 * their own: they cut texts in Oniguruma's syntax and need the first match by preference and its place, which reading
 * in many states at a time does not tell.
 *
 * @param field the field of the configuration that holds the pattern, for errors
 * @throws ConfigError PATTERN_INVALID for what Python refuses, PATTERN_NOT_OFFERED for what has no place here.
 */
export const compilePattern = (source: string, mode: PatternMode, field: string): Pattern =>
  new Pattern(source, mode, build(source, field))

function build(source: string, field: string): Automaton {
  try {
    if (source.length > MAX_LENGTH) throw new PatternFault(false, `more than ${MAX_LENGTH} characters`, 0)
    return buildAutomaton(parsePattern(source))
  } catch (error) {
    if (error instanceof PatternFault) throw refusal(source, field, error)
    throw error
  }
}

function refusal(source: string, field: string, { isInvalid, construct, place }: PatternFault): ConfigError {
  const shown = source.length > 200 ? `${source.slice(0, 200)}…` : source
  const pattern = `${field} has the pattern ${JSON.stringify(shown)}`
  return isInvalid
    ? new ConfigError(
        'PATTERN_INVALID',
        `${pattern}, which is no regular expression: ${construct} (character ${place})`,
        {
          field,
          found: shown,
          expected: "a regular expression in the syntax of Python's re",
          hint: 'Correct the pattern.',
        },
      )
    : new ConfigError(
        'PATTERN_NOT_OFFERED',
        `${pattern}, and ${construct} (character ${place}) is not offered`,
        {
          field,
          found: shown,
          expected: 'a pattern that is matched in one pass over a name',
          hint: 'Write the pattern without it; names of modules can be listed one by one.',
        },
      )
}
