import type { CharSet, ENFA } from 'refa'
import type { Builder, CountBounds } from '../automaton/builder.js'
import type { CharacterRange } from '../automaton/utf8-ranges.js'
import { tooComplex } from '../errors.js'

/** A deterministic automaton over characters; state 0 is the first. */
export type CharacterAutomaton = readonly CharacterState[]

export interface CharacterState {
  readonly accepts: boolean
  readonly edges: readonly { readonly ranges: readonly CharacterRange[]; readonly to: number }[]
}

/** States of one pattern, with its lengths counted. */
export const MAX_STATES = 10_000

/** States looked at while making the patterns of a grammar deterministic: a second at most on a slow machine. */
const MAX_WORK = 4_000_000

/** An automaton without empty edges and sets of characters: what each class of characters leads to. */
interface Component {
  readonly start: readonly number[]
  /** States behind one class, by state and class; ascending. */
  readonly targets: readonly (readonly (readonly number[])[])[]
  readonly final: number
}

/**
 * The texts that all of `automata` accept, and whose number of characters is within `bounds`: subset construction on
 * the product. Throws GRAMMAR_TOO_COMPLEX; some patterns need exponentially many states (`a.{30}` anywhere in a text).
 * The work is counted in `budget`, for the whole grammar: many such patterns cost no more than one.
 */
export function intersect(
  automata: readonly ENFA[],
  bounds: CountBounds | undefined,
  place: string,
  budget: Pick<Builder['patterns'], 'work'>,
): CharacterAutomaton {
  const classes = characterClasses(automata)
  const components = automata.map((automaton) => componentOf(automaton, classes))
  // Beyond the last length that matters all lengths are alike.
  const lastLength = bounds === undefined ? 0 : (bounds.max ?? bounds.min)

  const states: { accepts: boolean; edges: { ranges: CharacterRange[]; to: number }[] }[] = []
  const pending: { sets: (readonly number[])[]; length: number }[] = []
  const known = new Map<string, number>()
  idOf(
    components.map(({ start }) => start),
    0,
  )
  for (let id = 0; id < pending.length; id++) {
    const { sets, length } = pending[id]!
    if (bounds?.max !== undefined && length >= bounds.max) continue
    const byTarget = new Map<number, CharacterRange[]>()
    for (let number = 0; number < classes.length; number++) {
      const next = components.map(({ targets }, index) => behind(sets[index]!, number, targets))
      if (next.some((set) => set.length === 0)) continue
      const to = idOf(next, Math.min(length + 1, lastLength))
      const ranges = byTarget.get(to)
      if (ranges === undefined) byTarget.set(to, [...classes[number]!.ranges])
      else ranges.push(...classes[number]!.ranges)
    }
    states[id]!.edges.push(...[...byTarget].map(([to, ranges]) => ({ to, ranges: joined(ranges) })))
  }
  return states

  function idOf(sets: (readonly number[])[], length: number): number {
    const key = `${length}:${sets.join(';')}`
    const id = known.get(key)
    if (id !== undefined) return id
    if (states.length >= MAX_STATES) throw tooManyStates(place)
    known.set(key, states.length)
    pending.push({ sets, length })
    const accepts =
      length >= (bounds?.min ?? 0) && components.every(({ final }, index) => sets[index]!.includes(final))
    return states.push({ accepts, edges: [] }) - 1
  }

  /** What a class leads to from any of the states. */
  function behind(from: readonly number[], number: number, targets: Component['targets']): readonly number[] {
    const lists = from.flatMap((state) => {
      const list = targets[state]?.[number]
      return list === undefined ? [] : [list]
    })
    budget.work += 1 + lists.reduce((sum, list) => sum + list.length, 0)
    if (budget.work > MAX_WORK) throw tooManyStates(place)
    return lists.length === 1 ? lists[0]! : [...new Set(lists.flat())].sort((a, b) => a - b)
  }
}

interface CharacterClass {
  readonly ranges: readonly CharacterRange[]
  /** A character of it. */
  readonly member: number
}

/** Characters that no edge tells apart, as few classes as there are. */
function characterClasses(automata: readonly ENFA[]): CharacterClass[] {
  const sets = new Map<string, readonly CharacterRange[]>()
  for (const automaton of automata) {
    for (const node of automaton.nodes()) {
      for (const set of node.out.values()) {
        if (set !== null) sets.set(set.toRangesString(), set.ranges)
      }
    }
  }
  // Sweep over all characters: at each boundary some sets begin or end.
  const changes = new Map<number, number[]>()
  const change = (at: number, set: number) => {
    const there = changes.get(at)
    if (there === undefined) changes.set(at, [set])
    else there.push(set)
  }
  let index = 0
  for (const ranges of sets.values()) {
    for (const { min, max } of ranges) {
      change(min, index)
      change(max + 1, index)
    }
    index++
  }
  const inside = new Set<number>()
  const classes = new Map<string, { ranges: CharacterRange[]; member: number }>()
  const boundaries = [...changes.keys()].sort((a, b) => a - b)
  boundaries.forEach((at, order) => {
    for (const set of changes.get(at)!) if (!inside.delete(set)) inside.add(set)
    const next = boundaries[order + 1]
    if (inside.size === 0 || next === undefined) return
    const key = [...inside].sort((a, b) => a - b).join()
    const range = { min: at, max: next - 1 }
    const found = classes.get(key)
    if (found === undefined) classes.set(key, { ranges: [range], member: at })
    else found.ranges.push(range)
  })
  return [...classes.values()]
}

function componentOf(automaton: ENFA, classes: readonly CharacterClass[]): Component {
  const nodes = [...automaton.nodes()]
  const numbers = new Map(nodes.map((node, number) => [node, number]))
  const closures = new Map<ENFA.ReadonlyNode, readonly number[]>()
  const membership = new Map<string, readonly number[]>()
  const targets = nodes.map((node) => {
    const byClass: number[][] = []
    for (const [to, set] of node.out) {
      if (set === null) continue
      for (const number of classesOf(set)) {
        byClass[number] ??= []
        byClass[number].push(...closed(to))
      }
    }
    return byClass.map((states) => [...new Set(states)].sort((a, b) => a - b))
  })
  // A final node that nothing reaches has no number: nothing is accepted.
  const final = numbers.get(automaton.final) ?? -1
  return { start: closed(automaton.initial), targets, final }

  /** A node and what is reached from it without a character, as far as a character follows or the text may end. */
  function closed(node: ENFA.ReadonlyNode): readonly number[] {
    let states = closures.get(node)
    if (states === undefined) {
      states = [...node.reachableViaEpsilon('out')]
        .filter((each) => each === automaton.final || [...each.out.values()].some((set) => set !== null))
        .map((each) => numbers.get(each as ENFA.Node)!)
        .sort((a, b) => a - b)
      closures.set(node, states)
    }
    return states
  }

  function classesOf(set: CharSet): readonly number[] {
    const key = set.toRangesString()
    let members = membership.get(key)
    if (members === undefined) {
      members = classes.flatMap(({ member }, number) => (set.has(member) ? [number] : []))
      membership.set(key, members)
    }
    return members
  }
}

/** Neighbouring ranges as one. */
function joined(ranges: readonly CharacterRange[]): CharacterRange[] {
  const result: { min: number; max: number }[] = []
  for (const { min, max } of [...ranges].sort((a, b) => a.min - b.min)) {
    const last = result.at(-1)
    if (last !== undefined && last.max === min - 1) last.max = max
    else result.push({ min, max })
  }
  return result
}

const tooManyStates = (place: string) =>
  tooComplex(
    `the pattern at ${place} needs more than ${MAX_STATES} states as a deterministic automaton`,
    place,
    'Bound it at its beginning, or repeat less: what may begin anywhere has to be remembered for every beginning.',
  )
