/** How many tokens are worth drafting, after what became of earlier drafts of the same text. */
export interface DraftLength {
  /** At most so many for the next token; 0 while drafts do not pay. */
  readonly most: number
  /** Says what became of a draft. Without one, a token was chosen by itself. */
  record(drafted: number, accepted: number): void
}

/**
 * Odd, as all lengths are: with the token before them they are an even number of rows, and operators that multiply rows in
 * pairs take for one more than that as long as for two.
 */
const FIRST_LENGTH = 3
/** Share of drafted tokens that must be right: computing one more in a run takes up to this share of a run by itself. */
const LEAST_ACCEPTED = 0.4
/** What was drafted before so many tokens no longer counts. */
const MEMORY = 16
/** Drafted tokens from which a share is told. */
const FEWEST = 8
/** Tokens without a draft after drafts that did not pay: twice as many each time, until one did. */
const SHORTEST_REST = 16
const LONGEST_REST = 256

/**
 * Drafts become longer while they are right to the end, and as short as what was right of them otherwise. They stop for a
 * while where too many tokens are computed in vain. Only tokens decide, never times: a text does not depend on how busy
 * the machine is.
 */
export function createDraftLength(longest: number): DraftLength {
  let length = Math.min(longest, FIRST_LENGTH)
  let drafted = 0
  let accepted = 0
  let rest = SHORTEST_REST
  let resting = 0
  return {
    get most() {
      return resting > 0 ? 0 : length
    },
    record(count, right) {
      if (count === 0) {
        resting = Math.max(resting - 1, 0)
        return
      }
      length = Math.min(longest, right === count ? Math.max(length, 2 * count + 1) : (right + 1) | 1)
      const fade = drafted < MEMORY ? 1 : MEMORY / (drafted + count)
      drafted = drafted * fade + count
      accepted = accepted * fade + right
      if (drafted < FEWEST) return
      if (accepted >= LEAST_ACCEPTED * drafted) {
        rest = SHORTEST_REST
        return
      }
      resting = rest
      rest = Math.min(2 * rest, LONGEST_REST)
      drafted = 0
      accepted = 0
      length = 1
    },
  }
}
