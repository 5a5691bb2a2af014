/** Whole numbers from 0 to below 2 ** 32, the same for a seed in every process (xorshift32). @param seed not 0. */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/** What clients do by chance, the same in every run. */
export interface Chance {
  /** From 0 to below `below`. */
  whole(below: number): number
  /** Seconds until the next of events that come `rate` times a second. */
  gap(rate: number): number
  pick<Item>(items: readonly Item[]): Item
}

export function createChance(seed = 0x2545f491): Chance {
  const random = createRandom(seed)
  const next = () => random() / 2 ** 32
  const whole = (below: number) => Math.floor(next() * below)
  return { whole, gap: (rate) => -Math.log(1 - next()) / rate, pick: (items) => items[whole(items.length)]! }
}
