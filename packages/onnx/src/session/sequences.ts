import { createKeyValuePool, type KeyValuePool } from './key-value-pool.js'
import type { CacheShape } from './protocol.js'

/** A sequence of tokens whose keys and values are kept. */
export interface Sequence {
  /** Every token that is cached, or is being computed. */
  readonly tokens: number[]
  readonly length: number
  /** Whether its positions are those of sequences beyond `CacheShape.longRope`. */
  readonly isLong: boolean
}

/** Sequences that one run can read together: slots `first` to `first + sequences.length - 1` of a pool. */
export interface Batch {
  readonly pool: KeyValuePool
  readonly first: number
  readonly sequences: readonly Sequence[]
}

/** Where every sequence lies, and which ones that have ended are kept for prompts that begin alike. */
export interface Sequences {
  /** A new sequence for these tokens; it begins with what is cached of them already, but the last two are not. */
  begin(tokens: readonly number[]): Sequence
  /**
   * What has to be computed to append tokens to a sequence: these tokens, or all of it where it becomes a long one.
   */
  extend(sequence: Sequence, tokens: readonly number[]): readonly number[]
  /** Tokens that can be appended before it becomes a long one. */
  roomOf(sequence: Sequence): number
  /** Room for `count` more tokens of one sequence. */
  single(sequence: Sequence, count: number): Batch
  /** The first of the sequences and those that can join it, each with room for one more token. */
  together(sequences: readonly Sequence[]): Batch
  /** Counts tokens whose keys and values were written. */
  advance(sequence: Sequence, tokens: readonly number[]): void
  /** The sequence has ended. */
  retire(sequence: Sequence): void
  /** Bytes of all caches, of slots that are free included. */
  readonly byteLength: number
  /** Bytes of the slots of sequences that have ended. */
  readonly keptByteLength: number
}

/** The runtime copies a whole cache once per token, so the capacity follows the length in steps. */
const STEP = 256

/** Sequences of different lengths run together if the longest has at most this many times the capacity of the others. */
const LARGEST_PROMOTION = 2

/** A shorter common beginning is computed again: that takes less than keeping it apart. */
const SHORTEST_PREFIX = 16

/** What is left of a prompt is read as a prompt: a single token would be summed in another order; see scheduler. */
const LEAST_REST = 2

/** Sequences that have ended are kept while all caches together stay below this. */
const KEPT_BYTES = 256 * 2 ** 20

interface Place extends Sequence {
  length: number
  isLong: boolean
  pool: KeyValuePool
  slot: number
  retired: boolean
}

export function createSequences(shape: CacheShape): Sequences {
  const isLong = (length: number) => length > (shape.longRope ?? Number.POSITIVE_INFINITY)
  const pools = new Map<number, KeyValuePool>()
  /** In the order of their last use, the latest last. */
  const places = new Set<Place>()

  const slotsOf = (pool: KeyValuePool) => [...places].filter((place) => place.pool === pool)
  const byteLength = () => [...pools.values()].reduce((sum, pool) => sum + pool.byteLength, 0)
  const poolFor = (length: number): KeyValuePool => {
    const capacity = Math.ceil(length / STEP) * STEP
    const pool = pools.get(capacity) ?? createKeyValuePool(shape, capacity)
    pools.set(capacity, pool)
    return pool
  }
  const remove = (place: Place) => {
    places.delete(place)
    if (slotsOf(place.pool).length === 0) pools.delete(place.pool.capacity)
  }
  /** A free slot, or a new one; if that takes too much memory, sequences that have ended go, the oldest first. */
  const takeSlot = (pool: KeyValuePool): number => {
    const more = Math.max(1, pool.slots)
    for (;;) {
      const used = new Set(slotsOf(pool).map(({ slot }) => slot))
      const slot = Array.from({ length: pool.slots }, (_, index) => index).find((index) => !used.has(index))
      if (slot !== undefined) return slot
      const oldest = [...places].find(({ retired }) => retired)
      if (oldest !== undefined && byteLength() + pool.byteLength > KEPT_BYTES) {
        remove(oldest)
        // It may have been the last of this very pool, which is about to be used.
        pools.set(pool.capacity, pool)
      } else pool.grow(more)
    }
  }
  const move = (place: Place, pool: KeyValuePool) => {
    if (place.pool === pool) return
    const slot = takeSlot(pool)
    pool.copy(place, slot)
    remove(place)
    Object.assign(place, { pool, slot })
    places.add(place)
  }
  const placeOf = (sequence: Sequence): Place => sequence as Place

  return {
    begin(tokens) {
      const long = isLong(tokens.length)
      const { place, length } = longestPrefix(
        [...places].filter((known) => known.isLong === long),
        tokens,
      )
      if (place?.retired === true) {
        place.tokens.length = length
        Object.assign(place, { length, retired: false })
        return place
      }
      const pool = poolFor(tokens.length)
      const slot = takeSlot(pool)
      if (place === undefined) pool.clear(slot)
      else pool.copy({ ...place, length }, slot)
      const begun: Place = {
        tokens: tokens.slice(0, length),
        length,
        isLong: long,
        pool,
        slot,
        retired: false,
      }
      places.add(begun)
      return begun
    },
    extend(sequence, tokens) {
      const place = placeOf(sequence)
      if (place.isLong || !isLong(place.length + tokens.length)) return tokens
      const all = [...place.tokens, ...tokens]
      place.pool.clear(place.slot)
      place.tokens.length = 0
      Object.assign(place, { length: 0, isLong: true })
      return all
    },
    roomOf: ({ length, isLong }) =>
      isLong ? Number.POSITIVE_INFINITY : (shape.longRope ?? Number.POSITIVE_INFINITY) - length,
    single(sequence, count) {
      const place = placeOf(sequence)
      if (place.length + count > place.pool.capacity) move(place, poolFor(place.length + count))
      return { pool: place.pool, first: place.slot, sequences: [place] }
    },
    together(sequences) {
      const wanted = sequences.map(placeOf)
      const capacity = (place: Place) =>
        Math.max(place.pool.capacity, Math.ceil((place.length + 1) / STEP) * STEP)
      const first = wanted[0]!
      const alike = wanted.filter((place) => {
        const ratio = capacity(place) / capacity(first)
        return ratio <= LARGEST_PROMOTION && ratio >= 1 / LARGEST_PROMOTION
      })
      const pool = poolFor(Math.max(...alike.map(capacity)))
      for (const place of alike) move(place, pool)
      const start = bringTogether(alike, slotsOf(pool), pool)
      return { pool, first: start, sequences: alike.sort((a, b) => a.slot - b.slot) }
    },
    advance(sequence, tokens) {
      const place = placeOf(sequence)
      // It may have ended while its tokens were computed.
      if (!places.delete(place)) return
      places.add(place)
      place.tokens.push(...tokens)
      place.length += tokens.length
    },
    retire(sequence) {
      const place = placeOf(sequence)
      if (byteLength() > KEPT_BYTES || place.length < SHORTEST_PREFIX) remove(place)
      else place.retired = true
    },
    get byteLength() {
      return byteLength()
    },
    get keptByteLength() {
      const kept = [...places].filter(({ retired }) => retired)
      return kept.reduce((sum, { pool }) => sum + pool.byteLength / pool.slots, 0)
    },
  }
}

function longestPrefix(places: Iterable<Place>, tokens: readonly number[]) {
  let best: { place: Place | undefined; length: number } = { place: undefined, length: 0 }
  for (const place of places) {
    let length = 0
    const most = Math.min(place.length, tokens.length - LEAST_REST)
    while (length < most && place.tokens[length] === tokens[length]) length += 1
    const isBetter = length >= SHORTEST_PREFIX && length > best.length
    if (isBetter && place.pool.reaches(place.slot, length)) best = { place, length }
  }
  return best
}

/** Exchanges slots until those of `wanted` stand side by side; returns the first of them. */
function bringTogether(wanted: readonly Place[], all: readonly Place[], pool: KeyValuePool): number {
  const slots = wanted.map(({ slot }) => slot)
  const lowest = Math.min(...slots)
  if (Math.max(...slots) - lowest === wanted.length - 1) return lowest
  const start = Math.min(lowest, pool.slots - wanted.length)
  const bySlot = new Map(all.map((place) => [place.slot, place]))
  const outside = wanted.filter(({ slot }) => slot < start || slot >= start + wanted.length)
  for (let slot = start; slot < start + wanted.length; slot++) {
    const present = bySlot.get(slot)
    if (present !== undefined && wanted.includes(present)) continue
    const place = outside.pop()!
    pool.swap(slot, place.slot)
    if (present !== undefined) present.slot = place.slot
    place.slot = slot
  }
  return start
}
