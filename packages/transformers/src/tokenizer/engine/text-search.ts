import { asStep, PAUSE_EVERY, type Steps } from './steps.js'
import { createTrie } from './trie.js'

/** An occurrence of one of the texts that were looked for. */
export interface Occurrence {
  readonly start: number
  readonly end: number
  readonly value: number
}

/**
 * Finds the leftmost of some texts, the longest if several begin there, then goes on behind it. The text is read once
 * from its end with all texts reversed (Aho and Corasick, "Efficient string matching", 1975), which gives the longest
 * one that begins at each position: the work is that of reading, however long and alike the texts are.
 */
export function createTextSearch(
  entries: readonly (readonly [text: string, value: number])[],
): (text: string) => Steps<readonly Occurrence[]> {
  if (entries.length === 0) return asStep(() => [])
  const trie = createTrie(entries.map(([text, value]) => [reverse(text), value]))
  const { parent, unit } = trie.parents()
  const depths = new Int32Array(trie.nodeCount)
  for (let node = 1; node < trie.nodeCount; node++) depths[node] = depths[parent[node]!]! + 1
  const { fallback, longest } = link()
  const begins = new Uint8Array(1 << 16)
  for (let node = 1; node < trie.nodeCount; node++) if (parent[node] === 0) begins[unit[node]!] = 1

  return function* (text) {
    const found: Occurrence[] = []
    let node = 0
    for (let at = text.length - 1; at >= 0; at--) {
      if (at % PAUSE_EVERY === 0) yield
      const code = text.charCodeAt(at)
      if (node === 0 && begins[code] === 0) continue
      node = follow(node, code)
      const match = longest[node]!
      if (match !== 0) found.push({ start: at, end: at + depths[match]!, value: trie.valueOf(match) })
    }
    return withoutOverlaps(found.reverse())
  }

  /** For each node, the longest other one that its text ends with, and the longest that is a whole text. */
  function link(): { fallback: Int32Array; longest: Int32Array } {
    const result = { fallback: new Int32Array(trie.nodeCount), longest: new Int32Array(trie.nodeCount) }
    for (const node of nodesByDepth()) {
      let behind = parent[node]! === 0 ? -1 : result.fallback[parent[node]!]!
      let target = 0
      while (behind !== -1) {
        target = trie.step(behind, unit[node]!)
        if (target !== 0 || behind === 0) break
        behind = result.fallback[behind]!
      }
      result.fallback[node] = target
      result.longest[node] = trie.valueOf(node) === -1 ? result.longest[target]! : node
    }
    return result
  }

  /** All nodes but the root, shallow ones first. */
  function nodesByDepth(): Int32Array {
    const starts = new Int32Array(depths.reduce((most, depth) => Math.max(most, depth), 0) + 2)
    for (let node = 1; node < trie.nodeCount; node++) starts[depths[node]! + 1]!++
    for (let depth = 1; depth < starts.length; depth++) starts[depth]! += starts[depth - 1]!
    const sorted = new Int32Array(trie.nodeCount - 1)
    for (let node = 1; node < trie.nodeCount; node++) sorted[starts[depths[node]!]!++] = node
    return sorted
  }

  function follow(from: number, code: number): number {
    for (let node = from; ; node = fallback[node]!) {
      const next = trie.step(node, code)
      if (next !== 0 || node === 0) return next
    }
  }
}

function withoutOverlaps(sorted: readonly Occurrence[]): Occurrence[] {
  let done = 0
  return sorted.filter(({ start, end }) => {
    if (start < done) return false
    done = end
    return true
  })
}

function reverse(text: string): string {
  let result = ''
  for (let at = text.length - 1; at >= 0; at--) result += text[at]
  return result
}
