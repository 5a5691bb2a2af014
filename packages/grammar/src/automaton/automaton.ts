import { GrammarError } from '../errors.js'
import type { Builder, Edge, Guard, Rule } from './builder.js'
import { findLeftRecursion, MAX_DEPTH, NEVER, neededDepths } from './depths.js'

/** Kinds of edges in the arrays of an automaton. */
export const BYTES = 0
export const EPSILON = 1
export const CALL = 2
export const TOKEN = 3

/** Guards of edges in the arrays of an automaton. */
export const COUNT = 1
export const ENOUGH = 2

/** An int32 of an edge: its kind, two values (bytes from and to; rule and cost; token id), its target, its guard. */
export const EDGE_FIELDS = 5

/** No upper bound. */
export const UNBOUNDED = -1

/** A pushdown automaton over bytes, as it travels between threads. */
export interface Automaton {
  readonly start: number
  /** Of each state, where its edges begin in `edges`; one more at the end. */
  readonly offsets: Int32Array
  readonly edges: Int32Array
  /** Of each state: levels of recursion that it needs. */
  readonly depths: Int32Array
  /** Of each state: 1 if its rule ends there. */
  readonly ends: Int32Array
  /** Of each state: bounds of the count of its rule; 0 and UNBOUNDED where nothing counts. */
  readonly least: Int32Array
  readonly most: Int32Array
  /** Of each rule: its first state. */
  readonly rules: Int32Array
}

const MAGIC = 0x67663168

/** Writes what a builder collected, without the states that lead nowhere. Throws GrammarError for a grammar without texts. */
export function encodeAutomaton(builder: Builder, root: Rule): Uint8Array {
  const recursive = findLeftRecursion(builder)
  if (recursive !== undefined) {
    throw new GrammarError('SCHEMA_UNSUPPORTED', `the schema at ${recursive} refers to itself as a whole`, {
      field: recursive,
      hint: 'A reference to a schema around it needs an object or an array in between.',
    })
  }
  const depths = neededDepths(builder)
  if (depths[root.start] === NEVER) {
    throw new GrammarError('SCHEMA_UNSUPPORTED', `no text satisfies the grammar at ${root.place}`, {
      field: root.place,
      hint: `Look for bounds that exclude each other, "false", empty lists of values, and required properties that refer to a schema around them; at most ${MAX_DEPTH} levels of recursion are offered.`,
    })
  }
  const { ruleOf, rules } = builder
  const useful = builder.edges.filter(({ to, from }) => depths[to] !== NEVER && depths[from] !== NEVER)
  const { offsets, edges } = encodeEdges(useful, ruleOf.length)
  const ends = new Int32Array(ruleOf.length)
  for (const { end } of rules) ends[end] = 1
  const bounds = ruleOf.map((rule) => rules[rule]!.bounds)
  return encodeArrays([
    Int32Array.of(MAGIC, root.start),
    offsets,
    edges,
    Int32Array.from(depths),
    ends,
    Int32Array.from(bounds, (each) => each?.min ?? 0),
    Int32Array.from(bounds, (each) => each?.max ?? UNBOUNDED),
    Int32Array.from(rules, ({ start }) => start),
  ])
}

function encodeEdges(list: readonly Edge[], states: number) {
  const offsets = new Int32Array(states + 1)
  for (const { from } of list) offsets[from + 1]!++
  for (let state = 0; state < states; state++) offsets[state + 1]! += offsets[state]!
  const next = offsets.slice()
  const edges = new Int32Array(list.length * EDGE_FIELDS)
  for (const edge of list) edges.set(encodeEdge(edge), next[edge.from]!++ * EDGE_FIELDS)
  return { offsets, edges }
}

const GUARDS: { readonly [guard in Guard]: number } = { none: 0, count: COUNT, enough: ENOUGH }

function encodeEdge(edge: Edge): number[] {
  const behind = [edge.to, GUARDS[edge.guard]]
  switch (edge.kind) {
    case 'bytes':
      return [BYTES, edge.low, edge.high, ...behind]
    case 'epsilon':
      return [EPSILON, 0, 0, ...behind]
    case 'call':
      return [CALL, edge.rule, edge.cost, ...behind]
    case 'token':
      return [TOKEN, edge.id, 0, ...behind]
  }
}

/** Reads what `encodeAutomaton` wrote. Throws GRAMMAR_INVALID for anything else. */
export function decodeAutomaton(bytes: Uint8Array): Automaton {
  const [head, offsets, edges, depths, ends, least, most, rules] = decodeArrays(bytes)
  if (head?.[0] !== MAGIC || rules === undefined) {
    throw new GrammarError('GRAMMAR_INVALID', 'the bytes are no compiled grammar', {
      field: 'grammar',
      hint: 'Pass what compileGrammar of the same version returned.',
    })
  }
  return {
    start: head[1]!,
    offsets: offsets!,
    edges: edges!,
    depths: depths!,
    ends: ends!,
    least: least!,
    most: most!,
    rules,
  }
}

/** Int32 arrays behind one another, each behind its length. */
function encodeArrays(arrays: readonly Int32Array[]): Uint8Array {
  const all = new Int32Array(arrays.reduce((sum, array) => sum + array.length + 1, 0))
  let at = 0
  for (const array of arrays) {
    all[at] = array.length
    all.set(array, at + 1)
    at += array.length + 1
  }
  return new Uint8Array(all.buffer)
}

function decodeArrays(bytes: Uint8Array): Int32Array[] {
  if (bytes.byteLength % 4 !== 0) return []
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  const all = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4)
  const arrays: Int32Array[] = []
  for (let at = 0; at < all.length; at += all[at]! + 1) {
    if (all[at]! < 0) return []
    arrays.push(all.subarray(at + 1, at + 1 + all[at]!))
  }
  return arrays
}
