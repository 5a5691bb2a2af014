import { MOST_BYTES } from './cache-array.js'
import { createKeyValuePool, type KeyValuePool } from './key-value-pool.js'
import type { CacheShape } from './protocol.js'
import type { Sequence } from './sequences.js'
import { slotSize } from './slot-size.js'

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

/** Bytes that caches may take. */
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
  /** Sees to it that a place has room for so many tokens: it may be moved. False where there is no room for both. */
  move(place: Place, length: number): boolean
  /** Makes the slot of a place longer where it lies; false where others have to stay as they are. */
  widen(place: Place, length: number): boolean
  readonly byteLength: number
}

export interface Slot {
  readonly pool: KeyValuePool
  readonly slot: number
}

/** Sequences of different lengths run together if the longest has at most this many times the capacity of the others. */
export const LARGEST_PROMOTION = 2

/** Attention reads a cache to its end, so the capacity follows the length in steps. */
const STEP = 256

export const capacityFor = (length: number): number => Math.ceil(length / STEP) * STEP

/** Bytes of a cache that a single sequence of so many tokens needs. */
export const sequenceBytes = (shape: CacheShape, length: number): number =>
  slotSize(shape, capacityFor(length)).bytes

/** Tokens that a single sequence may have. */
export function longestSequence(shape: CacheShape, { total }: CacheLimits): number {
  const fits = (steps: number) => {
    const { bytes, array } = slotSize(shape, steps * STEP)
    return bytes <= total && array <= MOST_BYTES
  }
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

  /** Whether a pool may have other slots; while there are sequences that have ended, all caches are below another limit. */
  const mayBecome = (pool: KeyValuePool, slots: number, capacity: number, hasEnded: boolean) => {
    const { bytes, array } = slotSize(shape, capacity)
    const others = byteLength() - pool.byteLength
    return others + slots * bytes <= (hasEnded ? limits.kept : limits.total) && slots * array <= MOST_BYTES
  }

  /** Bytes of all sequences that have not ended, and of what they reserved. */
  const runningBytes = (capacityOf: (place: Place) => number, itself?: Place) => {
    const running = [...places].filter((place) => !place.retired && place !== itself)
    return running.reduce((sum, place) => sum + slotSize(shape, capacityOf(place)).bytes, 0)
  }
  const reservedBy = ({ pool, reserved }: Place) => Math.max(pool.capacity, capacityFor(reserved))

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
      if (mayBecome(pool, pool.slots + 1, pool.capacity, oldest !== undefined)) pool.grow(1)
      else if (!shrinkAnother(pool)) {
        if (oldest === undefined) return undefined
        remove(oldest)
      }
    }
  }

  const widen = (place: Place, length: number) => {
    const { pool } = place
    const capacity = capacityFor(length)
    const members = inPool(pool)
    if (pools.has(capacity) || members.length < pool.slots) return false
    // Others that run would be moved to run beside it; those that have ended are not worth more memory.
    if (members.length > 1) {
      const running = runningBytes((one) => Math.max(reservedBy(one), one.pool === pool ? capacity : 0))
      const isFar = capacity > LARGEST_PROMOTION * pool.capacity
      if (isFar || running > limits.total || members.some(({ retired }) => retired)) return false
    }
    const hasEnded = [...places].some((one) => one.retired && one !== place)
    if (!mayBecome(pool, pool.slots, capacity, hasEnded)) return false
    const before = pool.capacity
    pool.widen(capacity)
    pools.delete(before)
    pools.set(capacity, pool)
    return true
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
    hasRoom: (length, itself) =>
      sequenceBytes(shape, length) + runningBytes(reservedBy, itself) <= limits.total,
    take: (length, keeping) => takeFrom(poolFor(length), keeping),
    widen,
    move(place, length) {
      const pool = poolFor(length)
      if (place.pool === pool || widen(place, length)) return true
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
