import type { Builder, CountBounds } from '../automaton/builder.js'
import { createCharacterEdges } from '../automaton/character-edges.js'
import { emitPlain } from '../pattern/emit-characters.js'
import { patternAutomaton } from '../pattern/pattern-automaton.js'

/** The parts that every JSON grammar shares, as rules that are made when they are first used. */
export interface JsonParts {
  /** Nothing, one space, or a newline with at most 16 spaces: white space without end is how small models loop. */
  space(from: number, to?: number): number
  string(from: number, bounds?: CountBounds): number
  number(from: number): number
  integer(from: number): number
  /** Any JSON value, or any object, nested up to the depth that the automaton allows. */
  value(from: number): number
  object(from: number): number
}

/** Spaces behind a newline. */
const MAX_INDENT = 16

/** Digits before and behind the decimal point; a double has 17. */
const MAX_DIGITS = 20

/**
 * Exponents end at 279, so that a number with 20 digits stays below 1.8e308: JSON.parse would read it as Infinity, which is
 * no JSON number any more.
 */
const NUMBER = `-?(?:0|[1-9]\\d{0,${MAX_DIGITS - 1}})(?:\\.\\d{1,${MAX_DIGITS}})?(?:[eE](?:[+]?(?:\\d{1,2}|1\\d\\d|2[0-7]\\d)|-\\d{1,3}))?`

const INTEGER = `-?[1-9]\\d{0,${MAX_DIGITS - 1}}|0`

export function createJsonParts(builder: Builder): JsonParts {
  const rules = new Map<string, number>()

  /** Goes through a rule that is filled at its first use. */
  function through(
    from: number,
    name: string,
    fill: (start: number) => number,
    options: { to?: number | undefined; bounds?: CountBounds | undefined; cost?: number } = {},
  ): number {
    let rule = rules.get(name)
    if (rule === undefined) {
      builder.rule(name, options.bounds, (start, id) => {
        // Known before it is filled: values hold values.
        rules.set(name, id)
        rule = id
        return fill(start)
      })
    }
    return builder.call(from, rule!, options.to, options.cost)
  }

  const pattern = (from: number, name: string, source: string) =>
    through(from, name, (start) =>
      emitPlain(
        builder,
        start,
        patternAutomaton(builder, [{ source, extent: 'whole', place: name }], undefined, name),
      ),
    )

  const parts: JsonParts = {
    space: (from, to) => through(from, 'white space', (start) => fillSpace(builder, start), { to }),
    string: (from, bounds) =>
      through(from, `string ${bounds?.min}-${bounds?.max}`, (start) => fillString(builder, start, bounds), {
        bounds,
      }),
    number: (from) => pattern(from, 'number', NUMBER),
    integer: (from) => pattern(from, 'integer', INTEGER),
    value: (from) =>
      through(from, 'value', (start) => {
        const end = builder.state()
        builder.epsilon(parts.object(start), end)
        builder.epsilon(
          through(start, 'array', (open) => fillArray(open), { cost: 1 }),
          end,
        )
        builder.epsilon(parts.string(start), end)
        builder.epsilon(parts.number(start), end)
        for (const word of ['true', 'false', 'null']) builder.text(start, word, end)
        return end
      }),
    object: (from) => through(from, 'object', (open) => fillObject(open), { cost: 1 }),
  }
  return parts

  function fillArray(start: number): number {
    const end = builder.state()
    const item = builder.state()
    const open = builder.text(start, '[')
    builder.text(parts.space(open), ']', end)
    parts.space(open, item)
    const after = parts.value(item)
    parts.space(builder.text(after, ','), item)
    builder.text(parts.space(after), ']', end)
    return end
  }

  function fillObject(start: number): number {
    const end = builder.state()
    const key = builder.state()
    const open = builder.text(start, '{')
    builder.text(parts.space(open), '}', end)
    parts.space(open, key)
    const after = parts.value(parts.space(builder.text(parts.string(key), ':')))
    parts.space(builder.text(after, ','), key)
    builder.text(parts.space(after), '}', end)
    return end
  }
}

function fillSpace(builder: Builder, start: number): number {
  const end = builder.state()
  builder.epsilon(start, end)
  builder.text(start, ' ', end)
  let state = builder.text(start, '\n')
  for (let spaces = 0; spaces < MAX_INDENT; spaces++) {
    builder.epsilon(state, end)
    state = builder.text(state, ' ')
  }
  builder.epsilon(state, end)
  return end
}

/** A string of any characters, each with the escapes that JSON allows; surrogates come in pairs. */
function fillString(builder: Builder, start: number, bounds: CountBounds | undefined): number {
  const text = builder.text(start, '"')
  const count = bounds === undefined ? 'none' : 'count'
  const characters = createCharacterEdges(builder)
  characters(text, PLAIN_CHARACTERS, text, count)

  const escaped = builder.state()
  builder.bytes(text, byteOf('\\'), byteOf('\\'), escaped, count)
  for (const letter of '"\\/bfnrt') builder.text(escaped, letter, text)
  const unicode = builder.text(escaped, 'u')
  const lastThree = hexDigits(3, text)
  for (const digit of '0123456789abcefABCEF') builder.text(unicode, digit, lastThree)
  const surrogate = builder.state()
  for (const digit of 'dD') builder.text(unicode, digit, surrogate)
  const lastTwo = hexDigits(2, text)
  builder.bytes(surrogate, byteOf('0'), byteOf('7'), lastTwo)
  const low = builder.state()
  const highTail = hexDigits(2, low)
  for (const digit of '89abAB') builder.text(surrogate, digit, highTail)
  const lowDigits = builder.text(low, '\\u')
  const lowSecond = builder.state()
  for (const digit of 'dD') builder.text(lowDigits, digit, lowSecond)
  for (const digit of 'cdefCDEF') builder.text(lowSecond, digit, lastTwo)

  const end = builder.state()
  builder.bytes(text, byteOf('"'), byteOf('"'), end, bounds === undefined ? 'none' : 'enough')
  return end

  /** The state from which so many hexadecimal digits lead to `to`. */
  function hexDigits(count: number, to: number): number {
    if (count === 0) return to
    const next = hexDigits(count - 1, to)
    const state = builder.state()
    for (const [from, until] of ['09', 'af', 'AF']) builder.bytes(state, byteOf(from!), byteOf(until!), next)
    return state
  }
}

const PLAIN_CHARACTERS = [
  { min: 0x20, max: 0x21 },
  { min: 0x23, max: 0x5b },
  { min: 0x5d, max: 0x10ffff },
]

const byteOf = (character: string) => character.charCodeAt(0)
