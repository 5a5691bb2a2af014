import {
  type CacheLimits,
  capacityFor,
  createCacheSlots,
  LARGEST_PROMOTION,
  longestSequence,
  type Place,
} from './cache-slots.js'
import type { KeyValuePool } from './key-value-pool.js'
import { machineMemory } from './machine-memory.js'
import type { CacheShape } from './protocol.js'

/** A sequence of tokens whose keys and values are kept. */
export interface Sequence {
  /** Every token that is cached, or is being computed. */
  readonly tokens: number[]
  readonly length: number
  /** Tokens from the first on that are read as a prompt is; those behind them are read one by one. */
  readonly prompt: number
  /** Whether its positions are those of sequences beyond `CacheShape.longRope`. */
  readonly isLong: boolean
}

/** Sequences that one run can read together: slots `first` to `first + sequences.length - 1` of a pool. */
export interface Batch {
  readonly pool: KeyValuePool
  readonly first: number
  readonly sequences: readonly Sequence[]
}

/** How a sequence begins. */
export interface Beginning {
  /** It begins with what is cached of sequences of the same scope only. */
  readonly scope?: string | undefined
  /** Tokens that room is held for; default: those it begins with. */
  readonly room?: number | undefined
  /** True for one that takes this room at once, instead of growing into it. */
  readonly upFront?: boolean | undefined
  /** See Sequence.prompt; default: all of its tokens. Of a long one, those that made it one are part of it. */
  readonly prompt?: number | undefined
  /** False for one whose tokens are all to be computed. Default true. */
  readonly reuse?: boolean | undefined
}

/** Where every sequence lies, and which ones that have ended are kept for prompts that begin alike. */
export interface Sequences {
  /**
   * A new sequence for these tokens; it begins with what is cached of them already, but the last two are not, nor, unless
   * the other one had the same prompt, are those behind the prompt. Undefined where there is no room for it beside the
   * sequences that have not ended.
   */
  begin(tokens: readonly number[], beginning?: Beginning): Sequence | undefined
  /**
   * What has to be computed to append tokens to a sequence: these tokens, or all of it where it becomes a long one. More
   * than one are a prompt.
   */
  extend(sequence: Sequence, tokens: readonly number[]): readonly number[]
  /** Tokens that can be appended before it becomes a long one. */
  roomOf(sequence: Sequence): number
  /** Sees to it that `count` more tokens have room; false where they have none beside the sequences that have not ended. */
  reserve(sequence: Sequence, count: number): boolean
  /** One sequence, with the room that was reserved. */
  single(sequence: Sequence): Batch
  /** The first of the sequences and those that can join it, each with the room for one more token that was reserved. */
  together(sequences: readonly Sequence[]): Batch
  /** Counts tokens whose keys and values were written. */
  advance(sequence: Sequence, tokens: readonly number[]): void
  /** The sequence has ended. */
  retire(sequence: Sequence): void
  /** Tokens that a sequence can have at most, even alone. */
  readonly longest: number
  /** Bytes of all caches, of slots that are free included. */
  readonly byteLength: number
  /** Bytes of the slots of sequences that have ended. */
  readonly keptByteLength: number
  /** Bytes of the slots of sequences that have not. */
  readonly activeByteLength: number
}

/** A shorter common beginning is computed again: that takes less than keeping it apart. */
const SHORTEST_PREFIX = 16

/** What is left of a prompt is read as a prompt: a single token would be summed in another order; see scheduler. */
const LEAST_REST = 2

/** Without a budget, sequences that have ended are kept while all caches together stay below this. */
const KEPT_BYTES = 256 * 2 ** 20

/** @param budget bytes that all caches may take; default: what sequences need, as far as the machine has it. */
export function createSequences(shape: CacheShape, budget?: number): Sequences {
  const total = budget ?? machineMemory()
  const limits: CacheLimits = { kept: budget ?? Math.min(KEPT_BYTES, total), total }
  const slots = createCacheSlots(shape, limits)
  const isLong = (length: number) => length > (shape.longRope ?? Number.POSITIVE_INFINITY)
  /** Tokens that are read together when tokens that come one by one make a sequence a long one; see `extend`. */
  const firstLong = (shape.longRope ?? 0) + 1
  const placeOf = (sequence: Sequence): Place => sequence as Place
  const bytesOf = (isOne: (place: Place) => boolean) =>
    [...slots.places].filter(isOne).reduce((sum, { pool }) => sum + pool.byteLength / pool.slots, 0)

  return {
    begin(tokens, { scope = '', room = 0, upFront = false, reuse = true, ...beginning } = {}) {
      const reserved = Math.max(room, tokens.length)
      const taken = upFront ? reserved : tokens.length
      if (!slots.hasRoom(reserved)) return undefined
      const isLongOne = isLong(tokens.length)
      const prompt = Math.max(beginning.prompt ?? tokens.length, isLongOne ? firstLong : 0)
      const alike = [...slots.places].filter((one) => one.isLong === isLongOne && one.scope === scope)
      let { place: source, length } = longestPrefix(reuse ? alike : [], tokens, prompt)
      if (source?.retired && (source.pool.capacity >= taken || slots.widen(source, taken))) {
        source.pool.truncate(source.slot, length, source.length)
        source.tokens.length = length
        return Object.assign(source, { length, prompt, reserved, retired: false })
      }
      let slot = slots.take(taken, source)
      if (slot === undefined && source?.retired) {
        slots.remove(source)
        source = undefined
        length = 0
        slot = slots.take(taken)
      }
      if (slot === undefined) return undefined
      if (source === undefined) slot.pool.clear(slot.slot)
      else slot.pool.copy({ ...source, length }, slot.slot)
      const place: Place = {
        ...{ tokens: source?.tokens.slice(0, length) ?? [], length, prompt, isLong: isLongOne, scope },
        ...{ ...slot, reserved, retired: false },
      }
      slots.add(place)
      // What is left of it is a beginning of the new one.
      if (source?.retired) slots.remove(source)
      return place
    },
    extend(sequence, tokens) {
      const place = placeOf(sequence)
      if (place.isLong || !isLong(place.length + tokens.length)) {
        if (tokens.length > 1) place.prompt = place.length + tokens.length
        return tokens
      }
      const all = [...place.tokens, ...tokens]
      place.pool.clear(place.slot)
      place.tokens.length = 0
      Object.assign(place, { length: 0, prompt: all.length, isLong: true })
      return all
    },
    roomOf: ({ length, isLong }) =>
      isLong ? Number.POSITIVE_INFINITY : (shape.longRope ?? Number.POSITIVE_INFINITY) - length,
    reserve(sequence, count) {
      const place = placeOf(sequence)
      const length = place.length + count
      if (length > place.reserved && !slots.hasRoom(length, place)) return false
      place.reserved = Math.max(place.reserved, length)
      return length <= place.pool.capacity || slots.move(place, length)
    },
    single(sequence) {
      const { pool, slot } = placeOf(sequence)
      return { pool, first: slot, sequences: [sequence] }
    },
    together(sequences) {
      const wanted = sequences.map(placeOf)
      const capacity = (place: Place) => Math.max(place.pool.capacity, capacityFor(place.length + 1))
      const first = wanted[0]!
      const alike = wanted.filter((place) => {
        const ratio = capacity(place) / capacity(first)
        return ratio <= LARGEST_PROMOTION && ratio >= 1 / LARGEST_PROMOTION
      })
      const together = Math.max(...alike.map(capacity))
      for (const place of alike) {
        if (place.pool.capacity !== together && slots.hasRoom(together, place)) slots.move(place, together)
      }
      const { pool } = first
      const batch = alike.filter((place) => place.pool === pool)
      const start = bringTogether(batch, slots.in(pool), pool)
      return { pool, first: start, sequences: batch.sort((a, b) => a.slot - b.slot) }
    },
    advance(sequence, tokens) {
      const place = placeOf(sequence)
      // It may have ended while its tokens were computed.
      if (!slots.touch(place)) return
      place.tokens.push(...tokens)
      place.length += tokens.length
    },
    retire(sequence) {
      const place = placeOf(sequence)
      if (slots.byteLength > limits.kept || place.length < SHORTEST_PREFIX) slots.remove(place)
      else place.retired = true
    },
    longest: longestSequence(shape, limits),
    get byteLength() {
      return slots.byteLength
    },
    get keptByteLength() {
      return bytesOf(({ retired }) => retired)
    },
    get activeByteLength() {
      return bytesOf(({ retired }) => !retired)
    },
  }
}

function longestPrefix(places: Iterable<Place>, tokens: readonly number[], prompt: number) {
  let best: { place: Place | undefined; length: number } = { place: undefined, length: 0 }
  for (const place of places) {
    let length = 0
    const most = Math.min(place.length, tokens.length - LEAST_REST)
    while (length < most && place.tokens[length] === tokens[length]) length += 1
    // Tokens that were read one by one are those of a prompt only up to the last bits, and the other way round.
    if (place.prompt !== prompt || length < prompt) length = Math.min(length, prompt - LEAST_REST)
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
