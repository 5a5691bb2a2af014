import type { ENFA, JS, NoParent } from 'refa'
import { GrammarError, tooComplex } from '../errors.js'
import { MAX_STATES } from './character-automaton.js'
import { refa } from './refa.js'

type Concatenation = NoParent<JS.ParseResult['expression']>['alternatives'][number]
type Element = Concatenation['elements'][number]

/** Repetitions that one quantifier may ask for. */
const MAX_REPEAT = 1000

/** Alternatives that anchors inside of groups may be multiplied to. */
const MAX_ALTERNATIVES = 1000

/** UTF-16 units: beyond what anybody writes, and little enough to read in no time. */
const MAX_LENGTH = 16_384

/** The whole text matches, or some part of it, as `pattern` of JSON schema means it. */
export type PatternExtent = 'whole' | 'part'

/**
 * The automaton over characters of an ECMAScript pattern with the flag `u`. Throws GrammarError: PATTERN_UNSUPPORTED for what
 * does not parse, looks around, refers back, or has an anchor in the middle; GRAMMAR_TOO_COMPLEX.
 */
export function parsePattern(pattern: string, extent: PatternExtent, place: string): ENFA {
  if (pattern.length > MAX_LENGTH) throw patternTooComplex(`has ${pattern.length} characters`, place)
  try {
    const { expression, maxCharacter } = parse(pattern, place)
    const alternatives = expression.alternatives.flatMap((each) =>
      resolveAnchors(each, extent, maxCharacter, place),
    )
    checkRepeats(alternatives, place)
    const { ENFA: Automaton } = refa()
    const nodes = new Automaton.LimitedNodeFactory(MAX_STATES)
    return Automaton.fromRegex(alternatives, { maxCharacter }, {}, nodes)
  } catch (error) {
    if (error instanceof refa().TooManyNodesError) {
      throw patternTooComplex(`needs more than ${MAX_STATES} states`, place)
    }
    // The parser and the construction descend into groups by recursion.
    if (error instanceof RangeError) throw patternTooComplex('is nested too deeply', place)
    throw error
  }
}

function parse(pattern: string, place: string): JS.ParseResult {
  try {
    // Backreferences are left in as unknown parts, to be refused by name.
    return refa().JS.Parser.fromLiteral({ source: pattern, flags: 'u' }).parse({
      assertions: 'parse',
      backreferences: 'unknown',
      maxBackreferenceWords: 0,
      maxNodes: MAX_STATES,
    })
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new GrammarError(
      'PATTERN_UNSUPPORTED',
      `the pattern at ${place} does not parse: ${cause.message}`,
      {
        cause,
        field: place,
        found: pattern,
        hint: 'Write it as in a regular expression of JavaScript with the flag u, without slashes around it.',
      },
    )
  }
}

/**
 * Takes the anchors at both ends away, and puts "anything" where there is none. A group at an end that has anchors of its own
 * is multiplied out: `(?:^a|b)c` is `^ac` or `bc`.
 */
function resolveAnchors(
  concatenation: Concatenation,
  extent: PatternExtent,
  maxCharacter: number,
  place: string,
): Concatenation[] {
  const found: Concatenation[] = []
  const pending = [concatenation.elements]
  while (pending.length > 0) {
    if (pending.length + found.length > MAX_ALTERNATIVES) {
      throw patternTooComplex(`has more than ${MAX_ALTERNATIVES} alternatives with anchors`, place)
    }
    const elements = pending.pop()!
    const first = elements.findIndex((element) => !isAnchor(element, 'behind'))
    const begin = first === -1 ? elements.length : first
    const last = elements.findLastIndex((element) => !isAnchor(element, 'ahead'))
    const inner = elements.slice(begin, Math.max(begin, last + 1))
    const edge = [0, inner.length - 1].find((at) => isGroupWithAnchors(inner[at]))
    if (edge !== undefined) {
      const offset = begin + edge
      const group = elements[offset] as Extract<Element, { type: 'Alternation' }>
      pending.push(
        ...group.alternatives
          .map((each) => [...elements.slice(0, offset), ...each.elements, ...elements.slice(offset + 1)])
          .reverse(),
      )
      continue
    }
    if (inner.some(hasAssertion)) throw unsupportedAssertion(place)
    const anything = (): Element => ({
      type: 'Quantifier',
      lazy: false,
      min: 0,
      max: Number.POSITIVE_INFINITY,
      alternatives: [
        {
          type: 'Concatenation',
          elements: [{ type: 'CharacterClass', characters: refa().CharSet.all(maxCharacter) }],
        },
      ],
    })
    const open = extent === 'part'
    found.push({
      type: 'Concatenation',
      elements: [
        ...(open && begin === 0 ? [anything()] : []),
        ...inner,
        ...(open && last === elements.length - 1 ? [anything()] : []),
      ],
    })
  }
  return found
}

/** `^` looks behind, `$` ahead; neither wants any character there. */
function isAnchor(element: Element, kind: 'behind' | 'ahead'): boolean {
  if (element.type !== 'Assertion' || !element.negate || element.kind !== kind) return false
  const [only, ...more] = element.alternatives
  const [wanted, ...others] = only?.elements ?? []
  return (
    more.length === 0 && others.length === 0 && wanted?.type === 'CharacterClass' && wanted.characters.isAll
  )
}

const isGroupWithAnchors = (element: Element | undefined): boolean =>
  element?.type === 'Alternation' && hasAssertion(element)

function hasAssertion(element: Element): boolean {
  if (element.type === 'Assertion' || element.type === 'Unknown') return true
  if (element.type === 'CharacterClass') return false
  return element.alternatives.some((each) => each.elements.some(hasAssertion))
}

function checkRepeats(alternatives: readonly Concatenation[], place: string): void {
  for (const element of alternatives.flatMap((each) => each.elements)) {
    if (element.type === 'CharacterClass' || element.type === 'Unknown') continue
    if (element.type === 'Quantifier') {
      const most = element.max === Number.POSITIVE_INFINITY ? element.min : element.max
      if (most > MAX_REPEAT) throw patternTooComplex(`repeats a part ${most} times`, place)
    }
    checkRepeats(element.alternatives, place)
  }
}

const unsupportedAssertion = (place: string) =>
  new GrammarError(
    'PATTERN_UNSUPPORTED',
    `the pattern at ${place} looks around, refers back to a group, or has an anchor in the middle`,
    {
      field: place,
      expected: 'characters, classes, groups, alternatives, quantifiers, and anchors at the ends',
      hint: 'Write out what may come at each place instead.',
    },
  )

const patternTooComplex = (what: string, place: string) =>
  tooComplex(
    `the pattern at ${place} ${what}`,
    place,
    `At most ${MAX_REPEAT} repetitions of one part, ${MAX_STATES} states and ${MAX_LENGTH} characters are offered.`,
  )
