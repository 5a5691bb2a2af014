import type { AnswerPart, FinishReason, TokenLogprob } from '../generate/answer-parts.js'
import { chatLogprobs } from './logprobs.js'

/** What all chunks of an answer, or the one answer, begin with. */
export interface AnswerHead {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly system_fingerprint: string
}

export interface ChatMessageBody {
  readonly role: 'assistant'
  content: string | null
  readonly refusal: null
}

/** Puts the parts of an answer together as messages. */
export interface ChatAnswer {
  add(part: AnswerPart): void
  choices(): readonly {
    readonly index: number
    readonly message: ChatMessageBody
    readonly logprobs: object | null
    readonly finish_reason: FinishReason
  }[]
}

export function collectChat(choices: number, writeLogprobs: WriteLogprobs): ChatAnswer {
  const collected = Array.from({ length: choices }, () => ({
    content: '',
    finish: 'length' as FinishReason,
    logprobs: [] as TokenLogprob[],
  }))
  return {
    add({ choice, content, finish, logprobs }) {
      const one = collected[choice]!
      one.content += content
      one.logprobs.push(...logprobs)
      if (finish !== undefined) one.finish = finish
    },
    choices: () =>
      collected.map(({ content, finish, logprobs }, index) => ({
        index,
        message: { role: 'assistant', content, refusal: null },
        logprobs: writeLogprobs(logprobs),
        finish_reason: finish,
      })),
  }
}

/** Log-probabilities as an answer has them; null unless they were asked for. */
export type WriteLogprobs = (logprobs: readonly TokenLogprob[]) => object | null

export const writeLogprobs =
  (asked: number | undefined, tokenBytes: (id: number) => Uint8Array): WriteLogprobs =>
  (logprobs) =>
    asked === undefined ? null : chatLogprobs(logprobs, tokenBytes)

/** The chunk that a choice begins with. */
export const openingChoice = (index: number) => ({
  index,
  delta: { role: 'assistant', content: '' },
  finish_reason: null,
})

/** The chunks of one part: what it adds, and, of the last one, why the choice ends. */
export function chatChoices(
  { choice: index, content, finish, logprobs }: AnswerPart,
  write: WriteLogprobs,
): readonly object[] {
  const told = logprobs.length > 0 && { logprobs: write(logprobs) }
  return [
    ...(content === '' && logprobs.length === 0
      ? []
      : [{ index, delta: { content }, ...told, finish_reason: null }]),
    ...(finish === undefined ? [] : [{ index, delta: {}, finish_reason: finish }]),
  ]
}
