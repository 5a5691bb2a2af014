import type { AnswerEvent, AnswerReader } from './answer-event.js'
import { beginningAtEnd } from './held-back.js'

/** What stands around the reasoning of a model. */
export interface ReasoningMarkers {
  readonly opener: string
  readonly closer: string
}

const KNOWN: readonly ReasoningMarkers[] = [
  { opener: '<think>', closer: '</think>' },
  { opener: '[THINK]', closer: '[/THINK]' },
]

/** The markers that a model uses: both are tokens of its own, or its chat template mentions the closer. */
export function findReasoning(
  template: string | undefined,
  isToken: (text: string) => boolean,
): ReasoningMarkers | undefined {
  return KNOWN.find(
    ({ opener, closer }) => (isToken(opener) && isToken(closer)) || template?.includes(closer) === true,
  )
}

/** What templates read that let a model think more or less: an effort such as "low", or "none". */
export const reasoningVariables = (effort: string) => ({
  reasoning_effort: effort,
  ...(effort === 'none' && { enable_thinking: false }),
})

/** True if an answer to this prompt begins with reasoning: some templates write the opener themselves. */
export const beginsInReasoning = (prompt: string, { opener }: ReasoningMarkers): boolean =>
  prompt.trimEnd().endsWith(opener)

/**
 * Takes the reasoning off the beginning of an answer, with the white space around it; everything behind the closer goes to
 * `next`. Reasoning begins before the answer (`begun`) or with the opener as the first thing in it.
 */
export function createReasoningReader(
  { opener, closer }: ReasoningMarkers,
  begun: boolean,
  next: AnswerReader,
): AnswerReader & { readonly inReasoning: boolean } {
  let place: 'start' | 'opened' | 'reasoning' | 'closed' | 'answer' = begun ? 'opened' : 'start'
  let held = ''

  return {
    get inReasoning() {
      return place === 'opened' || place === 'reasoning'
    },
    push(text) {
      held += text
      return [...readStart(), ...readReasoning(), ...readAnswer()]
    },
    end() {
      if (place === 'answer' || place === 'start') return [...next.push(held), ...next.end()]
      // Reasoning that was never closed: what is held back is white space, or the beginning of a closer.
      const rest = place === 'closed' ? '' : held.trimEnd()
      return [...reasoning(rest), ...next.end()]
    },
  }

  function readStart(): AnswerEvent[] {
    if (place !== 'start') return []
    const text = held.trimStart()
    if (text.startsWith(opener)) {
      held = text.slice(opener.length)
      place = 'opened'
    } else if (!opener.startsWith(text)) place = 'answer'
    return []
  }

  function readReasoning(): AnswerEvent[] {
    if (place === 'opened') {
      held = held.trimStart()
      if (held !== '') place = 'reasoning'
    }
    if (place !== 'reasoning') return []
    const at = held.indexOf(closer)
    const end = at === -1 ? held.length - beginningAtEnd(held, closer) : at
    const text = held.slice(0, end).trimEnd()
    held = held.slice(at === -1 ? text.length : at + closer.length)
    if (at !== -1) place = 'closed'
    return reasoning(text)
  }

  function readAnswer(): AnswerEvent[] {
    if (place === 'closed') {
      held = held.trimStart()
      if (held !== '') place = 'answer'
    }
    if (place !== 'answer') return []
    const text = held
    held = ''
    return next.push(text)
  }
}

const reasoning = (text: string): AnswerEvent[] => (text === '' ? [] : [{ type: 'reasoning', text }])
