import { hashPair } from './hash-pair.js'

/** Slots for each node that is filled, so that a search ends after one or two. */
const SLOTS_PER_NODE = 2

/**
 * Texts with a number each, found by their beginning. Nodes are numbers, 0 is the root, and the edges of all nodes lie
 * in one table: a vocabulary of a million characters takes some twenty megabytes and no object.
 */
export interface Trie {
  readonly nodeCount: number
  /** The node behind an edge, or 0. */
  step(node: number, unit: number): number
  /** The value of a text that ends in a node, or -1. */
  valueOf(node: number): number
  /** The node of a text, or 0 if no text begins so. */
  nodeOf(text: string): number
  /** The children of all nodes in the order of their making: parents come before. */
  parents(): { readonly parent: Int32Array; readonly unit: Uint16Array }
}

/** A later entry with the same text replaces an earlier one. */
export function createTrie(entries: Iterable<readonly [text: string, value: number]>): Trie {
  const list = [...entries]
  const limit = 1 + list.reduce((sum, [text]) => sum + text.length, 0)
  const parent = new Int32Array(limit)
  const unit = new Uint16Array(limit)
  const values = new Int32Array(limit).fill(-1)
  let capacity = 16
  while (capacity < limit * SLOTS_PER_NODE) capacity *= 2
  const slots = new Int32Array(capacity)
  let count = 1
  for (const [text, value] of list) insert(text, value)

  return {
    nodeCount: count,
    step: (node, code) => slots[find(node, code)]!,
    valueOf: (node) => values[node]!,
    nodeOf(text) {
      let node = 0
      for (let at = 0; at < text.length; at++) {
        node = slots[find(node, text.charCodeAt(at))]!
        if (node === 0) return 0
      }
      return node
    },
    parents: () => ({ parent, unit }),
  }

  function insert(text: string, value: number): void {
    let node = 0
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      const slot = find(node, code)
      if (slots[slot] === 0) {
        slots[slot] = count
        parent[count] = node
        unit[count] = code
        count++
      }
      node = slots[slot]!
    }
    values[node] = value
  }

  /** The slot of an edge, or the free one where it belongs. */
  function find(node: number, code: number): number {
    for (let slot = hashPair(node, code) & (capacity - 1); ; slot = (slot + 1) & (capacity - 1)) {
      const child = slots[slot]!
      if (child === 0 || (parent[child] === node && unit[child] === code)) return slot
    }
  }
}
