import type { CharacterRange } from '../automaton/utf8-ranges.js'
import type { CharacterAutomaton } from '../pattern/character-automaton.js'

const LAST_CHARACTER = 0x10ffff

/** All texts but `excluded`: a tree of those, which is left for good at the first other character. */
export function otherTexts(excluded: readonly string[]): CharacterAutomaton {
  const nodes: { next: Map<number, number>; isExcluded: boolean }[] = []
  const addNode = () => nodes.push({ next: new Map(), isExcluded: false }) - 1
  addNode()
  for (const text of excluded) {
    let node = 0
    for (const character of text) {
      const { next } = nodes[node]!
      const code = character.codePointAt(0)!
      let child = next.get(code)
      if (child === undefined) {
        child = addNode()
        next.set(code, child)
      }
      node = child
    }
    nodes[node]!.isExcluded = true
  }
  const outside = nodes.length
  const all = { accepts: true, edges: [{ ranges: [{ min: 0, max: LAST_CHARACTER }], to: outside }] }
  return [
    ...nodes.map(({ next, isExcluded }) => ({
      accepts: !isExcluded,
      edges: [
        ...[...next].map(([code, to]) => ({ ranges: [{ min: code, max: code }], to })),
        { ranges: without([...next.keys()]), to: outside },
      ],
    })),
    all,
  ]
}

/** All characters but some. */
function without(characters: readonly number[]): CharacterRange[] {
  const sorted = [...characters].sort((a, b) => a - b)
  const starts = [0, ...sorted.map((character) => character + 1)]
  const ends = [...sorted.map((character) => character - 1), LAST_CHARACTER]
  return starts.map((min, index) => ({ min, max: ends[index]! })).filter(({ min, max }) => min <= max)
}
