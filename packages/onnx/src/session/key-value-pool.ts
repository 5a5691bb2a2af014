import { type CacheArray, type GrowingCacheArray, growingCacheArray } from './cache-array.js'
import type { CacheShape } from './protocol.js'
import { layerCapacity, WINDOW_STEP } from './slot-size.js'

/**
 * Keys and values of sequences of about the same length, side by side, so that several of them can be read by one run:
 * per layer [slots, heads, capacity, headSize], in the dtype of the cache. JavaScript owns the arrays; the runtime reads
 * a range of slots as an input, which it does not copy, and returns the rows of new tokens only, which are written here.
 *
 * A layer with a window has room for the tokens of its window and some more: the oldest are dropped as new ones come.
 *
 * Behind the tokens of a sequence there are zeros. Attention reads a cache to its end, and weighs what is not there with next
 * to nothing: zeros add nothing to a sum, whatever they are weighed with, and what others left behind might.
 */
export interface KeyValuePool {
  readonly capacity: number
  readonly slots: number
  readonly byteLength: number
  /** Keys, and values, of a range of slots in one layer. */
  read(layer: number, firstSlot: number, slots: number): LayerRange
  /** Tokens of a sequence that a layer has dropped. */
  dropped(layer: number, slot: number): number
  /** Writes rows [count, heads * headSize] of one layer at `position` of a sequence. */
  write(layer: number, slot: number, position: number, rows: NewRows): void
  /** Whether every layer has what comes behind the first `length` positions of a sequence. */
  reaches(slot: number, length: number): boolean
  /** Copies the first `length` positions of a slot. */
  copy(from: SlotRange, slot: number): void
  /** Forgets what a slot holds. */
  clear(slot: number): void
  /** Forgets what a sequence of `before` positions has behind the first `length`. */
  truncate(slot: number, length: number, before: number): void
  /** Exchanges two slots. */
  swap(slot: number, other: number): void
  /** Adds empty slots. Where there is no memory for all of them, the pool stays as it was. */
  grow(slots: number): void
  /** Gives back all slots but the first ones. */
  shrink(slots: number): void
  /** Makes room for more positions in every slot. Where there is no memory for them, the pool stays as it was. */
  widen(capacity: number): void
}

export interface LayerRange {
  readonly keys: CacheArray
  readonly values: CacheArray
  /** Of both: [slots, heads, capacity, headSize]. */
  readonly shape: readonly number[]
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

/** Keys or values of one layer. */
interface Layer {
  readonly heads: number
  readonly headSize: number
  readonly window: number | undefined
  readonly keys: GrowingCacheArray
  readonly values: GrowingCacheArray
  capacity: number
  /** Per slot. */
  readonly dropped: number[]
}

export function createKeyValuePool(shape: CacheShape, firstCapacity: number): KeyValuePool {
  let slots = 0
  let capacity = firstCapacity
  const layers = shape.layers.map((cache): Layer | undefined => {
    if (cache.kind === 'shared') return undefined
    const { heads, headSize, window } = cache
    const arrays = { keys: growingCacheArray(shape), values: growingCacheArray(shape) }
    return { heads, headSize, window, ...arrays, capacity: layerCapacity(window, capacity), dropped: [] }
  })
  const owned = layers.filter((layer) => layer !== undefined)
  const at = (index: number): Layer => layers[index]!

  /** Where there is no memory for all arrays, those that had been resized go back. */
  const resize = (count: number, capacityOf = ({ capacity }: Layer) => capacity) => {
    const resizeAll = (lengthOf: (layer: Layer) => number) => {
      for (const layer of owned) for (const cache of [layer.keys, layer.values]) cache.resize(lengthOf(layer))
    }
    const before = new Map(owned.map((layer) => [layer, layer.keys.array.length]))
    try {
      resizeAll((layer) => count * layer.heads * capacityOf(layer) * layer.headSize)
    } catch (error) {
      resizeAll((layer) => before.get(layer)!)
      throw error
    }
    for (const { dropped } of owned) dropped.length = count
  }

  return {
    get capacity() {
      return capacity
    },
    get slots() {
      return slots
    },
    get byteLength() {
      return owned.reduce((sum, { keys }) => sum + 2 * keys.array.byteLength, 0)
    },
    read(index, first, count) {
      const layer = at(index)
      const range = (array: CacheArray) => slotRange(layer, array, first, count)
      const { heads, headSize } = layer
      return {
        keys: range(layer.keys.array),
        values: range(layer.values.array),
        shape: [count, heads, layer.capacity, headSize],
      }
    },
    dropped: (index, slot) => at(index).dropped[slot]!,
    write(index, slot, position, { count, keys, values }) {
      const layer = at(index)
      drop(layer, slot, position, count)
      const first = layer.dropped[slot]!
      const skipped = Math.max(first - position, 0)
      scatter(layer, slotRange(layer, layer.keys.array, slot, 1), keys, skipped, count, position - first)
      scatter(layer, slotRange(layer, layer.values.array, slot, 1), values, skipped, count, position - first)
    },
    reaches: (slot, length) =>
      owned.every(({ window = 0, dropped }) => dropped[slot] === 0 || dropped[slot]! <= length - window + 1),
    copy({ pool, slot: source, length }, slot) {
      for (const [index, layer] of layers.entries()) {
        if (layer === undefined) continue
        const from = pool.read(index, source, 1)
        const dropped = pool.dropped(index, source)
        layer.dropped[slot] = dropped
        const width = from.shape[2]!
        copyHeads(layer, from.keys, width, slotRange(layer, layer.keys.array, slot, 1), length - dropped)
        copyHeads(layer, from.values, width, slotRange(layer, layer.values.array, slot, 1), length - dropped)
      }
    },
    clear(slot) {
      for (const layer of owned) {
        layer.dropped[slot] = 0
        erase(layer, slot, 0, layer.capacity)
      }
    },
    truncate(slot, length, before) {
      for (const layer of owned) {
        const dropped = layer.dropped[slot]!
        erase(layer, slot, Math.max(length - dropped, 0), before - dropped)
      }
    },
    swap(slot, other) {
      for (const layer of owned) {
        for (const { array } of [layer.keys, layer.values]) {
          const kept = slotRange(layer, array, slot, 1).slice()
          array.copyWithin(slot * kept.length, other * kept.length, (other + 1) * kept.length)
          array.set(kept, other * kept.length)
        }
        const { dropped } = layer
        ;[dropped[slot], dropped[other]] = [dropped[other]!, dropped[slot]!]
      }
    },
    grow(more) {
      resize(slots + more)
      for (const { dropped } of owned) dropped.fill(0, slots)
      slots += more
    },
    shrink(fewer) {
      slots = fewer
      resize(fewer)
    },
    widen(wider) {
      resize(slots, ({ window }) => layerCapacity(window, wider))
      for (const layer of owned) {
        const before = layer.capacity
        layer.capacity = layerCapacity(layer.window, wider)
        if (layer.capacity === before) continue
        for (const { array } of [layer.keys, layer.values]) spread(array, slots, before, layer)
      }
      capacity = wider
    },
  }
}

/** Moves the positions of every head to where they are in an array of more capacity. */
function spread(
  array: CacheArray,
  slots: number,
  before: number,
  { heads, capacity, headSize }: Layer,
): void {
  const [width, wider] = [before * headSize, capacity * headSize]
  const end = slots * heads * width
  // From the last on: what is still to be moved is not written over. Behind the former end there are zeros.
  for (let head = slots * heads - 1; head >= 0; head--) {
    array.copyWithin(head * wider, head * width, (head + 1) * width)
    array.fill(0, head * wider + width, Math.min((head + 1) * wider, end))
  }
}

const slotLength = ({ heads, capacity, headSize }: Layer): number => heads * capacity * headSize

const slotRange = (layer: Layer, array: CacheArray, first: number, count: number): CacheArray =>
  array.subarray(first * slotLength(layer), (first + count) * slotLength(layer))

/** Zeros in the places `from` to `end` - 1. */
function erase(layer: Layer, slot: number, from: number, end: number): void {
  const { heads, capacity, headSize } = layer
  for (const { array } of [layer.keys, layer.values]) {
    const all = slotRange(layer, array, slot, 1)
    for (let head = 0; head < heads; head++) {
      const start = head * capacity * headSize
      all.fill(0, start + from * headSize, start + end * headSize)
    }
  }
}

/** Drops what the tokens behind `position + count` will not look back to, and moves the rest to the front. */
function drop(layer: Layer, slot: number, position: number, count: number): void {
  const { window, dropped, heads, capacity, headSize } = layer
  if (window === undefined) return
  const before = dropped[slot]!
  const unseen = Math.floor(Math.max(position + count - window, 0) / WINDOW_STEP) * WINDOW_STEP
  if (unseen <= before) return
  dropped[slot] = unseen
  const end = position - before
  const from = Math.min(unseen - before, end)
  for (const { array } of [layer.keys, layer.values]) {
    const all = slotRange(layer, array, slot, 1)
    for (let head = 0; head < heads; head++) {
      const start = head * capacity * headSize
      all.copyWithin(start, start + from * headSize, start + end * headSize)
    }
  }
  erase(layer, slot, end - from, end)
}

/** Rows `skipped` to `count` - 1, of which row 0 would stand at `position`. */
function scatter(
  { heads, capacity, headSize }: Layer,
  array: CacheArray,
  rows: CacheArray,
  skipped: number,
  count: number,
  position: number,
): void {
  for (let row = skipped; row < count; row++) {
    for (let head = 0; head < heads; head++) {
      const from = (row * heads + head) * headSize
      array.set(rows.subarray(from, from + headSize), (head * capacity + position + row) * headSize)
    }
  }
}

function copyHeads(
  { heads, capacity, headSize }: Layer,
  from: CacheArray,
  fromCapacity: number,
  to: CacheArray,
  length: number,
): void {
  for (let head = 0; head < heads; head++) {
    const [source, start] = [head * fromCapacity * headSize, head * capacity * headSize]
    to.set(from.subarray(source, source + length * headSize), start)
    to.fill(0, start + length * headSize, start + capacity * headSize)
  }
}
