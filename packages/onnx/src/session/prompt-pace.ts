/** How many tokens of a prompt are read at once. */
export interface PromptPace {
  /**
   * Tokens of the next part: never all but one. Attention sums in another order for a single token; without one, a prompt
   * has the same keys and values in whatever parts it is read, as long as a head has at most 128 channels, which the
   * runtime multiplies in one piece.
   *
   * @param rest tokens that are left of the prompt.
   * @param isShared whether others wait for their next token meanwhile.
   * @param most tokens of a part, whoever waits; default 512.
   */
  partOf(rest: number, how: { readonly isShared: boolean; readonly most?: number | undefined }): number
  /** Says how long a part took to read. */
  record(tokens: number, milliseconds: number): void
}

/** Tokens of a part that nobody waits for: more need more scratch memory, and let a cancelled call go on longer. */
const LONGEST_PART = 512
/** What others wait for a part at most, as far as can be told. */
const SHARED_MS = 100
/** Parts that others wait for are multiples of this. */
const SHORTEST_PART = 8
/** The first such part, before anything was measured. */
const FIRST_PART = 64
/** How much of the rate the latest part decides. */
const LATEST = 0.3

export function createPromptPace(): PromptPace {
  /** Tokens a millisecond. */
  let rate = FIRST_PART / SHARED_MS
  let isMeasured = false
  return {
    partOf(rest, { isShared, most: longest = LONGEST_PART }) {
      const affordable = Math.floor((rate * SHARED_MS) / SHORTEST_PART) * SHORTEST_PART
      const most = isShared ? Math.min(Math.max(affordable, SHORTEST_PART), longest) : longest
      return rest === most + 1 ? most - 1 : Math.min(rest, most)
    },
    record(tokens, milliseconds) {
      // A run takes some time whatever it reads: a few tokens tell nothing about many.
      if (tokens < SHORTEST_PART || !(milliseconds > 0)) return
      const latest = tokens / milliseconds
      rate = isMeasured ? (1 - LATEST) * rate + LATEST * latest : latest
      isMeasured = true
    },
  }
}
