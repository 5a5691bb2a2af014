import { PatternFault } from './pattern-fault.js'
import type { CodePoints, PatternNode } from './pattern-node.js'

/**
 * States of a machine that reads a text once and is in many states at a time (Thompson, "Regular expression search
 * algorithm", 1968): a text of n characters takes at most n times the number of states, whatever the pattern.
 */
type State =
  | { readonly kind: 'read'; readonly accepts: (point: number) => boolean; next: number }
  | { readonly kind: 'fork'; readonly next: number[] }
  | { readonly kind: 'place'; readonly holds: (text: CodePoints, place: number) => boolean; next: number }
  | { readonly kind: 'look'; readonly look: Look; next: number }
  | { readonly kind: 'accept' }

interface Look {
  readonly automaton: Automaton
  readonly ahead: boolean
  readonly negative: boolean
}

export interface Automaton {
  readonly states: readonly State[]
  readonly start: number
  readonly looks: readonly Look[]
}

/** A counted repetition is written out, so nested ones multiply. */
const MAX_STATES = 10_000

/** Counts the states of a pattern, those of what it looks ahead and behind at included. */
interface Budget {
  left: number
}

/**
 * The machine of a pattern, or of the pattern read from its end.
 *
 * @throws PatternFault for a pattern of too many states.
 */
export function buildAutomaton(
  node: PatternNode,
  isReversed = false,
  budget: Budget = { left: MAX_STATES },
): Automaton {
  const states: State[] = [{ kind: 'accept' }]
  const looks: Look[] = []

  const add = (state: State): number => states.push(state) - 1

  /** Adds the states of a node in front of the state `next`, and returns the one to begin with. */
  function build(node: PatternNode, next: number): number {
    // Charged for nodes without states as well: copies of nothing cost time.
    if (--budget.left < 0) {
      throw new PatternFault(false, `repetitions that come to more than ${MAX_STATES} states`, 0)
    }
    switch (node.kind) {
      case 'character':
        return add({ kind: 'read', accepts: node.accepts, next })
      case 'place':
        return add({ kind: 'place', holds: node.holds, next })
      case 'sequence':
        return (isReversed ? node.items : node.items.toReversed()).reduce(
          (after, item) => build(item, after),
          next,
        )
      case 'choice':
        return add({ kind: 'fork', next: node.items.map((item) => build(item, next)) })
      case 'repeat':
        return buildRepeat(node, next)
      case 'look': {
        // What stands ahead is found by reading from the end.
        const automaton = buildAutomaton(node.body, node.ahead, budget)
        const look = { automaton, ahead: node.ahead, negative: node.negative }
        looks.push(look)
        return add({ kind: 'look', look, next })
      }
    }
  }

  function buildRepeat({ item, least, most }: PatternNode & { kind: 'repeat' }, next: number): number {
    let first = next
    if (most === Number.POSITIVE_INFINITY) {
      const ways = [next]
      first = add({ kind: 'fork', next: ways })
      ways.push(build(item, first))
    } else {
      for (let copy = least; copy < most; copy++)
        first = add({ kind: 'fork', next: [next, build(item, first)] })
    }
    for (let copy = 0; copy < least; copy++) first = build(item, first)
    return first
  }

  return { start: build(node, 0), states, looks }
}

/** For each place of a text, 0 to its length, whether a look holds there. */
type LookTable = ReadonlyMap<Look, readonly boolean[]>

interface Reading {
  /** True: from the end of the text to its start. */
  readonly backwards: boolean
  /** True: a match may begin anywhere; false: only where the reading begins. */
  readonly anywhere: boolean
}

/** For each place of the text, 0 to its length, whether a match ends there. */
export function matchEnds(automaton: Automaton, text: CodePoints, reading: Reading): readonly boolean[] {
  const { states, start } = automaton
  const looks = lookTable(automaton, text)
  const ends = new Array<boolean>(text.length + 1).fill(false)
  const step = reading.backwards ? -1 : 1
  const first = reading.backwards ? text.length : 0
  const last = text.length - first
  let current: number[] = []
  for (let place = first; ; place += step) {
    if (place === first || reading.anywhere) current.push(start)
    const readers = follow(current, place)
    if (place === last || (readers.length === 0 && !reading.anywhere)) return ends
    const point = text[reading.backwards ? place - 1 : place] as number
    current = []
    for (const state of readers) if (state.accepts(point)) current.push(state.next)
  }

  /** The states that read a character, among those reached from here without one. */
  function follow(from: readonly number[], place: number): (State & { kind: 'read' })[] {
    const readers: (State & { kind: 'read' })[] = []
    const seen = new Set<number>()
    const open = [...from]
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (seen.has(index)) continue
      seen.add(index)
      const state = states[index] as State
      if (state.kind === 'accept') ends[place] = true
      else if (state.kind === 'read') readers.push(state)
      else if (state.kind === 'fork') for (const next of state.next) open.push(next)
      else if (state.kind === 'place' ? state.holds(text, place) : looks.get(state.look)?.[place]) {
        open.push(state.next)
      }
    }
    return readers
  }
}

function lookTable({ looks }: Automaton, text: CodePoints): LookTable {
  return new Map(
    looks.map((look) => {
      const reading = { backwards: look.ahead, anywhere: true }
      return [look, matchEnds(look.automaton, text, reading).map((holds) => holds !== look.negative)]
    }),
  )
}
