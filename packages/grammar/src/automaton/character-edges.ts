import type { Builder, Guard } from './builder.js'
import { type ByteRange, type CharacterRange, utf8Ranges } from './utf8-ranges.js'

/**
 * Draws characters as edges of bytes. Sequences that end alike share their states, so that a large set such as "all but a
 * quote" takes a dozen. The guard is that of the first byte: a count is one of characters.
 */
export function createCharacterEdges(builder: Builder) {
  const tails = new Map<string, number>()

  /** The state from which exactly `bytes` lead to `to`. */
  function before(bytes: readonly ByteRange[], to: number): number {
    return bytes.reduceRight((next, { low, high }) => {
      const key = `${low},${high},${next}`
      const known = tails.get(key)
      if (known !== undefined) return known
      const state = builder.state()
      builder.bytes(state, low, high, next)
      tails.set(key, state)
      return state
    }, to)
  }

  return (from: number, ranges: Iterable<CharacterRange>, to: number, guard: Guard = 'none') => {
    for (const range of ranges) {
      for (const [first, ...rest] of utf8Ranges(range)) {
        builder.bytes(from, first!.low, first!.high, before(rest, to), guard)
      }
    }
  }
}
