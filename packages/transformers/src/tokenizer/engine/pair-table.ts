import { hashPair } from './hash-pair.js'

const NONE = -1

/** Numbers for pairs of numbers; an open table, since a Map of a quarter of a million pairs takes ten times the space. */
export interface PairTable {
  set(left: number, right: number, value: number): void
  /** The value of a pair, or -1. */
  get(left: number, right: number): number
}

export function createPairTable(size: number): PairTable {
  let capacity = 16
  while (capacity < size * 2) capacity *= 2
  const lefts = new Int32Array(capacity).fill(NONE)
  const rights = new Int32Array(capacity)
  const values = new Int32Array(capacity)
  return {
    set(left, right, value) {
      const slot = find(left, right)
      lefts[slot] = left
      rights[slot] = right
      values[slot] = value
    },
    get(left, right) {
      const slot = find(left, right)
      return lefts[slot] === NONE ? NONE : values[slot]!
    },
  }

  function find(left: number, right: number): number {
    for (let slot = hashPair(left, right) & (capacity - 1); ; slot = (slot + 1) & (capacity - 1)) {
      if (lefts[slot] === NONE || (lefts[slot] === left && rights[slot] === right)) return slot
    }
  }
}
