import { TemplateFailure } from './failure.js'

/** Nodes evaluated, turns of loops, elements looked at. The longest known template takes some thousand for a message. */
const MAX_STEPS = 2_000_000
/** Characters of one text: prompts of a million tokens fit. */
const MAX_TEXT = 4 * 1024 * 1024
/** Characters of all texts that one rendering makes, temporary ones included: at most 200 MB. */
const MAX_TOTAL_TEXT = 100 * 1024 * 1024
/** Calls within calls and lists within lists: far below what the stack of JavaScript holds. */
const MAX_DEPTH = 200
/** Characters that are looked at in the time of one step. */
const TEXT_PER_STEP = 128
/** Pairs of characters that are compared in the time of one step. */
const PAIRS_PER_STEP = 2048

/**
 * What one rendering may take. A template of a stranger can loop, double and nest: everything that takes time or memory
 * asks here first, so that a rendering ends within the limits whatever the template says.
 */
export class Budget {
  #steps = 0
  #text = 0
  #depth = 0

  /** @throws TemplateFailure */
  step(count = 1): void {
    this.#steps += count
    // A count that is no number must not lift the limit.
    if (!(this.#steps <= MAX_STEPS)) throw new TemplateFailure(`it takes more than ${MAX_STEPS} steps`)
  }

  /** Work on a text that is there already. */
  scan(length: number): void {
    this.step(1 + length / TEXT_PER_STEP)
  }

  /** A text is looked for in another: at each place of that one, all of it may be compared. */
  search(text: string, part: string): void {
    this.step(1 + (text.length * Math.min(part.length, text.length)) / PAIRS_PER_STEP)
  }

  /** A text of this length is about to be made. */
  text(length: number): void {
    if (!(length <= MAX_TEXT))
      throw new TemplateFailure(`it makes a text of more than ${MAX_TEXT} characters`)
    this.#text += length
    if (this.#text > MAX_TOTAL_TEXT) {
      throw new TemplateFailure(`it makes texts of more than ${MAX_TOTAL_TEXT} characters in all`)
    }
    this.scan(length)
  }

  /** Runs what may nest without end. */
  nested<T>(action: () => T): T {
    this.#depth++
    if (this.#depth > MAX_DEPTH) throw new TemplateFailure(`it nests deeper than ${MAX_DEPTH} levels`)
    try {
      return action()
    } finally {
      this.#depth--
    }
  }
}
