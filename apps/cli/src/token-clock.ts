export interface TokenClock {
  /** A token is there. */
  tick(): void
  /** Tokens per second; null if there was none. */
  perSecond(): number | null
}

/** Speed after the first token, which also pays for compiling the model and for reading the prompt. */
export function startTokenClock(): TokenClock {
  const start = performance.now()
  let first = start
  let last = start
  let count = 0
  return {
    tick() {
      last = performance.now()
      if (count === 0) first = last
      count += 1
    },
    perSecond() {
      if (count === 0) return null
      const [tokens, milliseconds] = count > 1 ? [count - 1, last - first] : [1, last - start]
      return (1000 * tokens) / milliseconds
    },
  }
}
