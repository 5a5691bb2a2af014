import { type CacheArray, newCacheArray } from './cache-array.js'
import type { CacheShape } from './protocol.js'

/**
 * Keys and values of sequences of about the same length, side by side, so that several of them can be read by one run:
 * per layer [slots, heads, capacity, headSize], in the dtype of the cache. JavaScript owns the arrays; the runtime reads
 * a range of slots as an input, which it does not copy, and returns the rows of new tokens only, which are written here.
 */
export interface KeyValuePool {
  readonly capacity: number
  readonly slots: number
  readonly byteLength: number
  keys(layer: number, firstSlot: number, slots: number): CacheArray
  values(layer: number, firstSlot: number, slots: number): CacheArray
  /** Writes rows [count, heads * headSize] of one layer at `position` of a slot. */
  write(layer: number, slot: number, position: number, rows: NewRows): void
  /** Copies the first `length` positions of a slot. */
  copy(from: SlotRange, slot: number): void
  /** Exchanges two slots. */
  swap(slot: number, other: number): void
  /** Adds empty slots. Where there is no memory for all of them, the pool stays as it was. */
  grow(slots: number): void
}

export interface NewRows {
  readonly count: number
  readonly keys: CacheArray
  readonly values: CacheArray
}

export interface SlotRange {
  readonly pool: KeyValuePool
  readonly slot: number
  readonly length: number
}

export function createKeyValuePool(shape: CacheShape, capacity: number): KeyValuePool {
  const { layers, heads, headSize } = shape
  const slotLength = heads * capacity * headSize
  let slots = 0
  const keys = Array.from({ length: layers }, () => newCacheArray(shape, 0))
  const values = Array.from({ length: layers }, () => newCacheArray(shape, 0))
  const range = (array: CacheArray, first: number, count: number) =>
    array.subarray(first * slotLength, (first + count) * slotLength)

  const scatter = (array: CacheArray, rows: CacheArray, count: number, position: number) => {
    for (let row = 0; row < count; row++) {
      for (let head = 0; head < heads; head++) {
        const from = (row * heads + head) * headSize
        array.set(rows.subarray(from, from + headSize), (head * capacity + position + row) * headSize)
      }
    }
  }
  const copyHeads = (from: CacheArray, fromCapacity: number, to: CacheArray, length: number) => {
    for (let head = 0; head < heads; head++) {
      const start = head * fromCapacity * headSize
      to.set(from.subarray(start, start + length * headSize), head * capacity * headSize)
    }
  }

  const pool: KeyValuePool = {
    capacity,
    get slots() {
      return slots
    },
    get byteLength() {
      return [...keys, ...values].reduce((sum, array) => sum + array.byteLength, 0)
    },
    keys: (layer, first, count) => range(keys[layer]!, first, count),
    values: (layer, first, count) => range(values[layer]!, first, count),
    write(layer, slot, position, rows) {
      scatter(range(keys[layer]!, slot, 1), rows.keys, rows.count, position)
      scatter(range(values[layer]!, slot, 1), rows.values, rows.count, position)
    },
    copy(from, slot) {
      for (let layer = 0; layer < layers; layer++) {
        const { capacity: width } = from.pool
        copyHeads(from.pool.keys(layer, from.slot, 1), width, pool.keys(layer, slot, 1), from.length)
        copyHeads(from.pool.values(layer, from.slot, 1), width, pool.values(layer, slot, 1), from.length)
      }
    },
    swap(slot, other) {
      for (const array of [...keys, ...values]) {
        const kept = range(array, slot, 1).slice()
        array.copyWithin(slot * slotLength, other * slotLength, (other + 1) * slotLength)
        array.set(kept, other * slotLength)
      }
    },
    grow(more) {
      for (const arrays of [keys, values]) {
        for (const [layer, array] of arrays.entries()) {
          arrays[layer] = newCacheArray(shape, (slots + more) * slotLength)
          arrays[layer]!.set(array.subarray(0, slots * slotLength))
        }
      }
      // Last: if memory ran out before, some arrays have room that nobody uses.
      slots += more
    },
  }
  return pool
}
