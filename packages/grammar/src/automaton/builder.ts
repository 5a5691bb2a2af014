import { tooComplex } from '../errors.js'
import type { CharacterAutomaton } from '../pattern/character-automaton.js'

/** How often the counted part of a rule comes; `max` undefined: without end. */
export interface CountBounds {
  readonly min: number
  readonly max: number | undefined
}

/** What an edge asks of the count of its rule: `count` adds one and needs room for it, `enough` needs the minimum. */
export type Guard = 'none' | 'count' | 'enough'

/** A part of the automaton with a beginning and an end that is entered from several places, or that counts. */
export interface Rule {
  readonly id: number
  /** Place in the schema, for messages. */
  readonly place: string
  readonly start: number
  readonly end: number
  readonly bounds: CountBounds | undefined
}

export type Edge = { readonly from: number; readonly to: number; readonly guard: Guard } & EdgeLabel

export type EdgeLabel =
  /** One byte from `low` to `high`. */
  | { readonly kind: 'bytes'; readonly low: number; readonly high: number }
  | { readonly kind: 'epsilon' }
  /** One token that has no bytes, by its id. */
  | { readonly kind: 'token'; readonly id: number }
  /** Whatever a rule holds. `cost`: how much deeper the recursion is in there. */
  | { readonly kind: 'call'; readonly rule: number; readonly cost: number }

/** States and edges of one grammar; about 100 bytes each when opened. */
const MAX_STATES = 200_000
const MAX_EDGES = 600_000

/** Collects states and edges. Parts of a grammar are functions from a builder and a state to the state behind them. */
export interface Builder {
  readonly edges: readonly Edge[]
  readonly rules: readonly Rule[]
  /** The rule of each state. */
  readonly ruleOf: readonly number[]
  /** Patterns that were made deterministic, and the work of all of them. */
  readonly patterns: { readonly known: Map<string, CharacterAutomaton>; work: number }
  state(): number
  bytes(from: number, low: number, high: number, to?: number, guard?: Guard): number
  epsilon(from: number, to: number, guard?: Guard): void
  token(from: number, id: number, to?: number): number
  call(from: number, rule: number, to?: number, cost?: number): number
  /** Text as it is, in UTF-8. */
  text(from: number, text: string, to?: number): number
  /** Makes a rule; `fill` gets its first state and returns its last. The id is known before, so that it may call itself. */
  rule(place: string, bounds: CountBounds | undefined, fill: (start: number, id: number) => number): Rule
}

export function createBuilder(): Builder {
  const edges: Edge[] = []
  const rules: Rule[] = []
  const ruleOf: number[] = []
  let current = 0

  const add = (edge: Edge) => {
    if (edges.length >= MAX_EDGES) throw tooLarge()
    edges.push(edge)
    return edge.to
  }
  const builder: Builder = {
    edges,
    rules,
    ruleOf,
    patterns: { known: new Map(), work: 0 },
    state() {
      if (ruleOf.length >= MAX_STATES) throw tooLarge()
      return ruleOf.push(current) - 1
    },
    bytes: (from, low, high, to = builder.state(), guard = 'none') =>
      add({ kind: 'bytes', from, low, high, to, guard }),
    epsilon(from, to, guard = 'none') {
      add({ kind: 'epsilon', from, to, guard })
    },
    token: (from, id, to = builder.state()) => add({ kind: 'token', from, id, to, guard: 'none' }),
    call: (from, rule, to = builder.state(), cost = 0) =>
      add({ kind: 'call', from, rule, cost, to, guard: 'none' }),
    text(from, text, to) {
      const bytes = utf8.encode(text)
      if (bytes.length === 0) {
        if (to === undefined) return from
        builder.epsilon(from, to)
        return to
      }
      return bytes.reduce(
        (state, byte, index) => builder.bytes(state, byte, byte, index === bytes.length - 1 ? to : undefined),
        from,
      )
    },
    rule(place, bounds, fill) {
      const outer = current
      const id = rules.length
      current = id
      const start = builder.state()
      rules.push({ id, place, start, end: start, bounds })
      const filled = { id, place, start, end: fill(start, id), bounds }
      rules[id] = filled
      current = outer
      return filled
    },
  }
  return builder
}

const utf8 = new TextEncoder()

const tooLarge = () =>
  tooComplex(
    `the grammar needs more than ${MAX_STATES} states or ${MAX_EDGES} edges`,
    undefined,
    'Ask for fewer properties, shorter lists of values or simpler patterns.',
  )
