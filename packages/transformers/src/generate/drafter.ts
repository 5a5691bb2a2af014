import { lookUpPrompt } from './prompt-lookup.js'

/** Guesses which tokens come next. Wrong guesses cost time, and change nothing. */
export interface Drafter {
  /** Tokens that are worth guessing at once, at most. */
  readonly longest: number
  /**
   * What may follow `tokens`, prompt and answer so far: at most `most` tokens.
   *
   * @throws the reason of `signal`.
   */
  propose(tokens: readonly number[], most: number, signal?: AbortSignal): Promise<readonly number[]>
}

/** Takes drafts from earlier places of the text itself, `longest` tokens at most. */
export const promptLookupDrafter = (longest: number): Drafter => ({
  longest,
  propose: async (tokens, most) => lookUpPrompt(tokens, most),
})
