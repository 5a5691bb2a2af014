import type { Builder } from '../automaton/builder.js'
import { createCharacterEdges } from '../automaton/character-edges.js'
import type { CharacterRange } from '../automaton/utf8-ranges.js'
import type { CharacterAutomaton } from './character-automaton.js'

/** Draws the texts of an automaton as they are. */
export function emitPlain(builder: Builder, from: number, automaton: CharacterAutomaton): number {
  const to = builder.state()
  const states = automaton.map(() => builder.state())
  const characters = createCharacterEdges(builder)
  builder.epsilon(from, states[0]!)
  automaton.forEach(({ accepts, edges }, index) => {
    for (const edge of edges) characters(states[index]!, edge.ranges, states[edge.to]!)
    if (accepts) builder.epsilon(states[index]!, to)
  })
  return to
}

/**
 * Draws the texts of an automaton as JSON strings with their quotes: characters that need an escape get the one that
 * JSON.stringify writes, all others stand for themselves.
 */
export function emitJsonString(builder: Builder, from: number, automaton: CharacterAutomaton): number {
  const to = builder.state()
  const states = automaton.map(() => builder.state())
  const characters = createCharacterEdges(builder)
  builder.bytes(from, QUOTE, QUOTE, states[0]!)
  automaton.forEach(({ accepts, edges }, index) => {
    const state = states[index]!
    for (const edge of edges) {
      const target = states[edge.to]!
      characters(state, edge.ranges.flatMap(withoutEscapes), target)
      const escaped = ESCAPED.filter((character) => edge.ranges.some((range) => contains(range, character)))
      if (escaped.length > 0) emitEscapes(builder, state, escaped, target)
    }
    if (accepts) builder.bytes(state, QUOTE, QUOTE, to)
  })
  return to
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Characters that JSON.stringify escapes, surrogates apart: those have no bytes. */
const ESCAPED = [...Array.from({ length: 0x20 }, (_, character) => character), QUOTE, BACKSLASH]

/** The ranges between them. */
const UNESCAPED: readonly CharacterRange[] = [
  { min: 0x20, max: QUOTE - 1 },
  { min: QUOTE + 1, max: BACKSLASH - 1 },
  { min: BACKSLASH + 1, max: 0x10ffff },
]

function withoutEscapes(range: CharacterRange): CharacterRange[] {
  return UNESCAPED.map(({ min, max }) => ({
    min: Math.max(min, range.min),
    max: Math.min(max, range.max),
  })).filter(({ min, max }) => min <= max)
}

/** Escapes as a tree: `\u00` would come thirty times otherwise. */
function emitEscapes(builder: Builder, from: number, characters: readonly number[], to: number): void {
  const texts = characters.map((character) => JSON.stringify(String.fromCharCode(character)).slice(1, -1))
  const states = new Map([['', from]])
  for (const text of texts) {
    for (let length = 1; length <= text.length; length++) {
      const prefix = text.slice(0, length)
      if (states.has(prefix)) continue
      const byte = text.charCodeAt(length - 1)
      const before = states.get(text.slice(0, length - 1))!
      states.set(prefix, builder.bytes(before, byte, byte, length === text.length ? to : undefined))
    }
  }
}

const contains = ({ min, max }: CharacterRange, character: number) => min <= character && character <= max
