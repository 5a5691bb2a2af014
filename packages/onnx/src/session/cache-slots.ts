import { createKeyValuePool, type KeyValuePool, slotSize } from './key-value-pool.js'
import type { CacheShape } from './protocol.js'
import type { Sequence } from './sequences.js'

/** A sequence, and where its keys and values are. */
export interface Place extends Sequence {
  length: number
  prompt: number
  isLong: boolean
  readonly scope: string
  pool: KeyValuePool
  slot: number
  /** Tokens that room is held for, whether the place has it yet or not. */
  reserved: number
  /** Ended, and kept for prompts that begin alike. */
  retired: boolean
}

/** Bytes that caches may take, the copy of an array that grows or shrinks included. */
export interface CacheLimits {
  /** While there are sequences that have ended: they go, the oldest first, before there is more. */
  readonly kept: number
  /** Of all caches. */
  readonly total: number
}

/** The slots of all pools, and who has them. To be changed between runs only: sequences may be moved. */
export interface CacheSlots {
  /** In the order of their last use, the latest last. */
  readonly places: ReadonlySet<Place>
  in(pool: KeyValuePool): readonly Place[]
  add(place: Place): void
  remove(place: Place): void
  /** Makes it the one that was used last; false if it has gone. */
  touch(place: Place): boolean
  /** Whether a sequence of so many tokens has room beside those that have not ended, itself left out, and what they reserved. */
  hasRoom(length: number, itself?: Place): boolean
  /** A slot for so many tokens, without what `keeping` has; undefined where there is no room. */
  take(length: number, keeping?: Place): Slot | undefined
  /** Moves a place to a slot for so many tokens; false where there is no room for both. */
  move(place: Place, length: number): boolean
  readonly byteLength: number
}

export interface Slot {
  readonly pool: KeyValuePool
  readonly slot: number
}

/** Attention reads a cache to its end, so the capacity follows the length in steps. */
const STEP = 256

export const capacityFor = (length: number): number => Math.ceil(length / STEP) * STEP

/** Bytes of a cache that a single sequence of so many tokens needs, the copy of an array that grows included. */
export function sequenceBytes(shape: CacheShape, length: number): number {
  const { bytes, array } = slotSize(shape, capacityFor(length))
  return bytes + array
}

/** Tokens that a single sequence may have. */
export function longestSequence(shape: CacheShape, { total }: CacheLimits): number {
  const fits = (steps: number) => sequenceBytes(shape, steps * STEP) <= total
  let [fitting, tooMany] = [0, 2 ** 24]
  while (tooMany - fitting > 1) {
    const middle = Math.floor((fitting + tooMany) / 2)
    if (fits(middle)) fitting = middle
    else tooMany = middle
  }
  return fitting * STEP
}

export function createCacheSlots(shape: CacheShape, limits: CacheLimits): CacheSlots {
  const pools = new Map<number, KeyValuePool>()
  const places = new Set<Place>()

  const inPool = (pool: KeyValuePool) => [...places].filter((place) => place.pool === pool)
  const byteLength = () => [...pools.values()].reduce((sum, pool) => sum + pool.byteLength, 0)

  const remove = (place: Place) => {
    places.delete(place)
    if (inPool(place.pool).length === 0) pools.delete(place.pool.capacity)
  }

  /** Whether a pool can have more slots, and any array be copied afterwards. */
  const canGrow = (pool: KeyValuePool, more: number, limit: number) => {
    const { bytes, array } = slotSize(shape, pool.capacity)
    const copies = [...pools.values()].map(({ capacity, slots }) => slots * slotSize(shape, capacity).array)
    const copy = Math.max(...copies, (pool.slots + more) * array)
    return byteLength() + more * bytes + copy <= limit
  }

  /** Twice as many, or what there is room for. */
  const growth = (pool: KeyValuePool, limit: number) => {
    let more = Math.max(1, pool.slots)
    while (more > 0 && !canGrow(pool, more, limit)) more -= 1
    return more
  }

  /** Gives back the free slots of a pool other than this one; false if there are none. */
  const shrinkAnother = (than: KeyValuePool) => {
    for (const pool of pools.values()) {
      const members = inPool(pool)
      if (pool === than || members.length === pool.slots) continue
      const inside = new Set(members.map(({ slot }) => slot).filter((slot) => slot < members.length))
      let free = 0
      for (const place of members.filter(({ slot }) => slot >= members.length)) {
        while (inside.has(free)) free += 1
        pool.copy(place, free)
        place.slot = free++
      }
      pool.shrink(members.length)
      return true
    }
    return false
  }

  const freeSlot = (pool: KeyValuePool) => {
    const used = new Set(inPool(pool).map(({ slot }) => slot))
    return Array.from({ length: pool.slots }, (_, index) => index).find((index) => !used.has(index))
  }

  const takeFrom = (pool: KeyValuePool, keeping?: Place): Slot | undefined => {
    for (;;) {
      const slot = freeSlot(pool)
      if (slot !== undefined) {
        // Its last sequence may just have gone.
        pools.set(pool.capacity, pool)
        return { pool, slot }
      }
      const oldest = [...places].find((place) => place.retired && place !== keeping)
      const more = growth(pool, oldest === undefined ? limits.total : limits.kept)
      if (more > 0) pool.grow(more)
      else if (!shrinkAnother(pool)) {
        if (oldest === undefined) return undefined
        remove(oldest)
      }
    }
  }
  const poolFor = (length: number) => {
    const capacity = capacityFor(length)
    return pools.get(capacity) ?? createKeyValuePool(shape, capacity)
  }

  return {
    places,
    in: inPool,
    add: (place) => void places.add(place),
    remove,
    touch(place) {
      if (!places.delete(place)) return false
      places.add(place)
      return true
    },
    hasRoom(length, itself) {
      const running = [...places].filter((place) => !place.retired && place !== itself)
      const slots = new Map([[capacityFor(length), 1]])
      for (const { pool, reserved } of running) {
        const capacity = Math.max(pool.capacity, capacityFor(reserved))
        slots.set(capacity, (slots.get(capacity) ?? 0) + 1)
      }
      const sizes = [...slots].map(([capacity, count]) => ({ count, ...slotSize(shape, capacity) }))
      const bytes = sizes.reduce((sum, size) => sum + size.count * size.bytes, 0)
      return bytes + Math.max(...sizes.map(({ count, array }) => count * array)) <= limits.total
    },
    take: (length, keeping) => takeFrom(poolFor(length), keeping),
    move(place, length) {
      const pool = poolFor(length)
      if (place.pool === pool) return true
      const taken = takeFrom(pool, place)
      if (taken === undefined) return false
      pool.copy(place, taken.slot)
      remove(place)
      Object.assign(place, taken)
      places.add(place)
      return true
    },
    get byteLength() {
      return byteLength()
    },
  }
}
