import type { Builder, Edge } from './builder.js'

/** Recursions inside of one another; the automaton has no way on beyond them. */
export const MAX_DEPTH = 32

/** Of a state from which its rule cannot be finished at all. */
export const NEVER = 255

/**
 * Of each state, how many levels of recursion are needed to finish its rule. A matcher never enters a state that needs more
 * than are left, so that no text runs into a dead end: a value that has to hold another one is not begun at the last level.
 */
export function neededDepths({ edges, rules, ruleOf }: Builder): Uint8Array {
  const depths = new Uint8Array(ruleOf.length).fill(NEVER)
  const startOf = (rule: number) => rules[rule]!.start
  const incoming: Edge[][] = Array.from({ length: ruleOf.length }, () => [])
  const callers: Edge[][] = Array.from({ length: ruleOf.length }, () => [])
  for (const edge of edges) {
    incoming[edge.to]!.push(edge)
    if (edge.kind === 'call') callers[startOf(edge.rule)]!.push(edge)
  }
  const depthThrough = (edge: Edge) => {
    const behind = depths[edge.to]!
    if (edge.kind !== 'call' || behind === NEVER) return behind
    const inside = depths[startOf(edge.rule)]!
    return inside === NEVER ? NEVER : Math.max(behind, Math.min(NEVER, inside + edge.cost))
  }
  // Depths only fall, and each state has at most 33 of them.
  const changed: number[] = []
  for (const { end } of rules) {
    depths[end] = 0
    changed.push(end)
  }
  for (let state = changed.pop(); state !== undefined; state = changed.pop()) {
    for (const edge of [...incoming[state]!, ...callers[state]!]) {
      const depth = depthThrough(edge)
      if (depth > MAX_DEPTH || depth >= depths[edge.from]!) continue
      depths[edge.from] = depth
      changed.push(edge.from)
    }
  }
  return depths
}

/** A rule that comes back to itself before any byte, if there is one: no text would ever be its first. */
export function findLeftRecursion({ edges, rules, ruleOf }: Builder): string | undefined {
  const outgoing: Edge[][] = Array.from({ length: ruleOf.length }, () => [])
  for (const edge of edges)
    if (edge.kind === 'epsilon' || edge.kind === 'call') outgoing[edge.from]!.push(edge)
  const reaching = rules.map(({ start }) => reachable(start))
  const isEmpty = rules.map(({ end }, index) => reaching[index]!.has(end))
  const called = rules.map((_, index) => [...withEmptyCalls(index)])
  for (const { id, place } of rules) {
    const seen = new Set(called[id])
    for (const rule of seen) for (const next of called[rule]!) seen.add(next)
    if (seen.has(id)) return place
  }
  return undefined

  /** What `start` reaches without a byte and without a call. */
  function reachable(start: number, past: (rule: number) => boolean = () => false): Set<number> {
    const reached = new Set([start])
    for (const state of reached) {
      for (const edge of outgoing[state]!) {
        if (edge.kind === 'epsilon' || (edge.kind === 'call' && past(edge.rule))) reached.add(edge.to)
      }
    }
    return reached
  }

  /** The rules that a rule enters before any byte; those that may be empty, such as white space, are passed. */
  function withEmptyCalls(rule: number): Set<number> {
    const found = new Set<number>()
    for (const state of reachable(rules[rule]!.start, (inner) => isEmpty[inner]!)) {
      for (const edge of outgoing[state]!) if (edge.kind === 'call') found.add(edge.rule)
    }
    return found
  }
}
