import type { Choice } from '../sampling/chooser.js'
import type { NextTokens, ScoredTokens } from './protocol.js'
import type { Member } from './roster.js'
import type { Scoring } from './scoring.js'

/** What a member asks for. */
export interface Task {
  readonly member: Member
  draft: readonly number[]
  /** Of a text whose tokens are scored; undefined where one is to be chosen. */
  readonly scoring: Scoring | undefined
  readonly resolve: (answer: NextTokens & ScoredTokens) => void
  readonly reject: (error: unknown) => void
}

export const hasRoom = ({ member }: Task): boolean => member.sequence !== undefined

/** Tokens that are still to be read of the prompt of one that has room. */
export const promptLeft = ({ sequence }: Member): number => sequence!.prompt - sequence!.length

/** Whether it has tokens to read together, and not one by one: a prompt of one token is read as those behind prompts are. */
export const isPrompt = ({ member, scoring }: Task): boolean =>
  scoring !== undefined || promptLeft(member) > 1

/** Whether a draft stands behind what it waits for: not while tokens are read again that it has made before. */
export const isDrafted = ({ member, draft }: Task): boolean => draft.length > 0 && member.unread.length === 1

/**
 * The token behind the one that waits, and behind each of its draft as long as that is the one that was chosen.
 *
 * @param logits after each of them, [1 + draft, vocabulary].
 */
export function chooseAlong({ member, draft }: Task, logits: Float32Array): readonly Choice[] {
  const vocabulary = logits.length / (1 + draft.length)
  const previous = [...member.sequence!.tokens, ...member.unread]
  const chosen: Choice[] = []
  for (let row = 0; row <= draft.length; row++) {
    try {
      chosen.push(member.choose!(logits.subarray(row * vocabulary, (row + 1) * vocabulary), previous))
    } catch (error) {
      // The tokens so far are right: what cannot be chosen behind them fails the call that asks for it.
      if (row > 0) break
      throw error
    }
    if (chosen[row]!.token !== draft[row]) break
    previous.push(draft[row]!)
  }
  return chosen
}
