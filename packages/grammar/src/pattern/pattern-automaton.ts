import type { Builder, CountBounds } from '../automaton/builder.js'
import { type CharacterAutomaton, intersect } from './character-automaton.js'
import { type PatternExtent, parsePattern } from './parse-pattern.js'

/** A regular expression, and where it stands. */
export interface PlacedPattern {
  readonly source: string
  readonly extent: PatternExtent
  readonly place: string
}

/**
 * The texts that all of `patterns` accept, and whose number of characters is within `bounds`. What a grammar repeats is
 * made once. Throws PATTERN_UNSUPPORTED, GRAMMAR_TOO_COMPLEX.
 */
export function patternAutomaton(
  { patterns: kept }: Builder,
  patterns: readonly PlacedPattern[],
  bounds: CountBounds | undefined,
  place: string,
): CharacterAutomaton {
  const key = JSON.stringify([patterns.map(({ source, extent }) => [source, extent]), bounds])
  const known = kept.known.get(key)
  if (known !== undefined) return known
  const automata = patterns.map((pattern) => parsePattern(pattern.source, pattern.extent, pattern.place))
  const made = intersect(automata, bounds, place, kept)
  kept.known.set(key, made)
  return made
}
