import {
  type Automaton,
  BYTES,
  CALL,
  COUNT,
  EDGE_FIELDS,
  ENOUGH,
  EPSILON,
  TOKEN,
  UNBOUNDED,
} from '../automaton/automaton.js'
import { MAX_DEPTH } from '../automaton/depths.js'
import { tooComplex } from '../errors.js'

/** Where to go on behind a rule that was entered; kept once for each combination. */
interface Frame {
  readonly id: number
  /** Those with this one as parent, by their numbers. */
  children: Map<number, Frame> | undefined
  readonly state: number
  readonly count: number
  readonly depth: number
  readonly parent: Frame | undefined
}

/** A state with the count of its rule, the levels of recursion left, and the way back. Kept once for each combination. */
type Thread = Frame

/** All threads that a text may be at. Followed by one byte it is another position, or none. */
export interface Position {
  readonly threads: readonly Thread[]
  /** The text may end here. */
  readonly complete: boolean
  /** By class of bytes; undefined: not looked at yet. */
  readonly next: (Position | undefined)[]
  /** The position that allows the same tokens, with counts cut to what a token can reach. */
  canonical: Position | undefined
}

/** No text is here. */
export const DEAD: Position = { threads: [], complete: false, next: [], canonical: undefined }

/**
 * Threads of one position. A thousand properties that all may be left out have as many. What is beyond is left out: any
 * thread can be finished, so that texts stay valid, but some valid ones are not offered.
 */
const MAX_THREADS = 2048

/** More than any count and any depth. */
const COUNTS = 2 ** 17
const LEVELS = 2 ** 6

/** Positions that are kept; more are forgotten all at once, between two tokens. */
const MAX_POSITIONS = 20_000

/** Threads moved for one mask, or one token: a quarter of a second. */
const MAX_WORK = 4_000_000

/**
 * The positions of one automaton, made when they are first met: its states are never all drawn, and what patterns, counts and
 * recursion could multiply to does not matter.
 */
export interface Positions {
  readonly start: Position
  step(position: Position, byte: number): Position
  stepToken(position: Position, token: number): Position
  /** Bytes that no edge tells apart have one class. */
  readonly classes: Uint8Array
  /** Tokens without bytes that may come. */
  tokens(position: Position): number[]
  /** The position with every count cut to what `reach` more bytes can tell apart. */
  canonical(position: Position, reach: number): Position
  /** Before each mask and each token: forgets what has become too much. Returns the position to go on from. */
  begin(position: Position): Position
  /** How often everything was forgotten: what others keep by position is void then. */
  readonly generation: number
}

export function createPositions(automaton: Automaton): Positions {
  const { offsets, edges, depths, ends, least, most, rules } = automaton
  const classes = byteClasses(automaton)
  const rests = restingStates(automaton)
  const roots = new Map<number, Frame>()
  const positions = new Map<string | number, Position>()
  let known = new WeakSet<Position>()
  let generation = 0
  let ids = 0
  let work = 0

  const entry = frame(automaton.start, 0, MAX_DEPTH, undefined)
  const start = settle([entry])
  return {
    start,
    step,
    stepToken,
    classes,
    tokens,
    canonical,
    begin,
    get generation() {
      return generation
    },
  }

  function step(position: Position, byte: number): Position {
    const index = classes[byte]!
    const next = position.next[index]
    if (next !== undefined) return next
    const made = move(position, BYTES, byte)
    position.next[index] = made
    return made
  }

  function stepToken(position: Position, token: number): Position {
    return move(position, TOKEN, token)
  }

  function tokens({ threads }: Position): number[] {
    return threads.flatMap(({ state }) => edgesOf(state, TOKEN).map((at) => edges[at + 1]!))
  }

  function edgesOf(state: number, kind: number): number[] {
    const found: number[] = []
    for (let at = offsets[state]! * EDGE_FIELDS; at < offsets[state + 1]! * EDGE_FIELDS; at += EDGE_FIELDS) {
      if (edges[at] === kind) found.push(at)
    }
    return found
  }

  function begin(position: Position): Position {
    work = 0
    if (positions.size > MAX_POSITIONS) {
      roots.clear()
      positions.clear()
      known = new WeakSet()
      generation++
    }
    // What was forgotten would keep everything behind it in memory.
    return known.has(position) ? position : keep(position.threads, position.complete)
  }

  /** Every thread over its edges for one byte or token. */
  function move({ threads }: Position, kind: typeof BYTES | typeof TOKEN, value: number): Position {
    work += threads.length
    if (work > MAX_WORK) throw tooMuchWork()
    const moved: Thread[] = []
    for (const thread of threads) {
      const end = offsets[thread.state + 1]! * EDGE_FIELDS
      for (let at = offsets[thread.state]! * EDGE_FIELDS; at < end; at += EDGE_FIELDS) {
        if (edges[at] !== kind || value < edges[at + 1]!) continue
        if (kind === BYTES ? value > edges[at + 2]! : value !== edges[at + 1]) continue
        const next = follow(thread, at)
        if (next !== undefined) moved.push(next)
      }
    }
    return settle(moved)
  }

  /** Over an edge within a rule, if its guard and the levels that are left allow it. */
  function follow({ state, count, depth, parent }: Thread, at: number): Thread | undefined {
    const to = edges[at + 3]!
    if (depths[to]! > depth) return undefined
    const guard = edges[at + 4]!
    if (guard === ENOUGH) return count < least[state]! ? undefined : frame(to, count, depth, parent)
    if (guard !== COUNT) return frame(to, count, depth, parent)
    const bound = most[state]!
    if (bound === UNBOUNDED) return frame(to, Math.min(count + 1, least[state]!), depth, parent)
    return count < bound ? frame(to, count + 1, depth, parent) : undefined
  }

  /** Threads with everything that they reach without a byte; those are kept that wait for one. */
  function settle(threads: readonly Thread[]): Position {
    if (threads.length === 0) return DEAD
    const reached = new Set(threads)
    const waiting: Thread[] = []
    let complete = false
    for (const thread of reached) {
      const { state, parent } = thread
      if (rests[state] === 1) waiting.push(thread)
      if (ends[state] === 1) {
        if (parent === undefined) complete = true
        else reached.add(frame(parent.state, parent.count, parent.depth, parent.parent))
      }
      if (reached.size > MAX_THREADS) continue
      const end = offsets[state + 1]! * EDGE_FIELDS
      for (let at = offsets[state]! * EDGE_FIELDS; at < end; at += EDGE_FIELDS) {
        const kind = edges[at]
        const next = kind === EPSILON ? follow(thread, at) : kind === CALL ? enter(thread, at) : undefined
        if (next !== undefined) reached.add(next)
      }
    }
    work += reached.size
    return keep(waiting, complete)
  }

  function enter({ count, depth, parent }: Thread, at: number): Thread | undefined {
    const inside = depth - edges[at + 2]!
    const first = rules[edges[at + 1]!]!
    const behind = edges[at + 3]!
    if (depths[first]! > inside || depths[behind]! > depth) return undefined
    return frame(first, 0, inside, frame(behind, count, depth, parent))
  }

  function frame(state: number, count: number, depth: number, parent: Frame | undefined): Frame {
    const siblings = parent === undefined ? roots : childrenOf(parent)
    // Below 2^53: 2^18 states, 2^17 counts, 2^6 levels.
    const key = (state * COUNTS + count) * LEVELS + depth
    const found = siblings.get(key)
    if (found !== undefined) return found
    const made = { id: ids++, state, count, depth, parent, children: undefined }
    siblings.set(key, made)
    return made
  }

  function keep(threads: readonly Thread[], complete: boolean): Position {
    if (threads.length === 0 && !complete) return DEAD
    const sorted = threads.length < 2 ? threads : [...threads].sort((a, b) => a.id - b.id)
    const key =
      threads.length === 1 && !complete ? threads[0]!.id : `${complete}:${sorted.map(({ id }) => id).join()}`
    const found = positions.get(key)
    if (found !== undefined) return found
    const made: Position = { threads: sorted, complete, next: [], canonical: undefined }
    positions.set(key, made)
    known.add(made)
    return made
  }

  function canonical(position: Position, reach: number): Position {
    position.canonical ??= keep(
      [...new Set(position.threads.map((thread) => cut(thread, reach)))],
      position.complete,
    )
    return position.canonical
  }

  function cut({ state, count, depth, parent }: Frame, reach: number): Frame {
    const above = parent === undefined ? undefined : cut(parent, reach)
    return frame(state, cutCount(count, least[state]!, most[state]!, reach), depth, above)
  }
}

function childrenOf(parent: Frame): Map<number, Frame> {
  parent.children ??= new Map()
  return parent.children
}

/** A count from which `reach` further ones meet the bounds as they do from this one. */
function cutCount(count: number, min: number, max: number, reach: number): number {
  if (count + reach < min) return min - reach
  const last = max - reach
  return count >= min && count < last ? Math.max(min, last) : count
}

/** States that wait for a byte or a token: all others are only passed. */
function restingStates({ offsets, edges }: Automaton): Uint8Array {
  const rests = new Uint8Array(offsets.length - 1)
  for (let state = 0; state < rests.length; state++) {
    for (let at = offsets[state]! * EDGE_FIELDS; at < offsets[state + 1]! * EDGE_FIELDS; at += EDGE_FIELDS) {
      if (edges[at] === BYTES || edges[at] === TOKEN) rests[state] = 1
    }
  }
  return rests
}

function byteClasses({ edges }: Automaton): Uint8Array {
  const begins = new Uint8Array(257)
  for (let at = 0; at < edges.length; at += EDGE_FIELDS) {
    if (edges[at] !== BYTES) continue
    begins[edges[at + 1]!] = 1
    begins[edges[at + 2]! + 1] = 1
  }
  const classes = new Uint8Array(256)
  for (let byte = 1; byte < 256; byte++) classes[byte] = classes[byte - 1]! + begins[byte]!
  return classes
}

const tooMuchWork = () =>
  tooComplex(
    'too many alternatives are open at once to say which tokens may come next',
    undefined,
    'Ask for fewer alternatives that begin alike, or for simpler patterns.',
  )
