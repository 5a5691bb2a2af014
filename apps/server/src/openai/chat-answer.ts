import { type AnswerEvent, type AnswerFinish, collectAnswer } from 'hfquant'
import type { ChoicePart, TokenLogprob } from '../generate/answer-parts.js'
import type { ServerSettings } from '../settings/options.js'
import { chatLogprobs } from './logprobs.js'

/** What all chunks of an answer, or the one answer, begin with. */
export interface AnswerHead {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly system_fingerprint: string
}

/** How what differs between clients is written. */
export interface ChatStyle {
  /** Null unless log-probabilities were asked for. */
  logprobs(logprobs: readonly TokenLogprob[]): object | null
  /** Fields of a message or a delta. */
  reasoning(text: string): object
}

/** @param asked likeliest tokens that are told; undefined: no log-probabilities. */
export const chatStyle = (
  asked: number | undefined,
  tokenBytes: (id: number) => Uint8Array,
  { reasoningField }: Pick<ServerSettings, 'reasoningField'>,
): ChatStyle => ({
  logprobs: (logprobs) => (asked === undefined ? null : chatLogprobs(logprobs, tokenBytes)),
  reasoning: (text) => ({
    ...(reasoningField !== 'reasoning_content' && { reasoning: text }),
    ...(reasoningField !== 'reasoning' && { reasoning_content: text }),
  }),
})

/** Puts the parts of an answer together as messages. */
export interface CollectedChat {
  add(part: ChoicePart): void
  choices(): readonly {
    readonly index: number
    readonly message: object
    readonly logprobs: object | null
    readonly finish_reason: AnswerFinish
  }[]
}

export function collectChat(choices: number, style: ChatStyle): CollectedChat {
  const collected = Array.from({ length: choices }, () => ({
    events: [] as AnswerEvent[],
    finish: 'length' as AnswerFinish,
    logprobs: [] as TokenLogprob[],
  }))
  return {
    add({ choice, events, finish, logprobs }) {
      const one = collected[choice]!
      one.events.push(...events)
      one.logprobs.push(...logprobs)
      if (finish !== undefined) one.finish = finish
    },
    choices: () =>
      collected.map(({ events, finish, logprobs }, index) => ({
        index,
        message: messageOf(events, style),
        logprobs: style.logprobs(logprobs),
        finish_reason: finish,
      })),
  }
}

function messageOf(events: readonly AnswerEvent[], style: ChatStyle): object {
  const { content, reasoning, toolCalls } = collectAnswer(events)
  return {
    role: 'assistant',
    content: content === '' && toolCalls.length > 0 ? null : content,
    refusal: null,
    ...(reasoning !== '' && style.reasoning(reasoning)),
    ...(toolCalls.length > 0 && {
      tool_calls: toolCalls.map(({ id, name, arguments: written }) => ({
        ...{ id, type: 'function', function: { name, arguments: written } },
      })),
    }),
  }
}

/** The chunk that a choice begins with. */
export const openingChoice = (index: number) => ({
  index,
  delta: { role: 'assistant', content: '' },
  finish_reason: null,
})

/** The chunks of one part: what it adds, and, of the last one, why the choice ends. */
export function chatChoices(
  { choice: index, events, finish, logprobs }: ChoicePart,
  style: ChatStyle,
): readonly object[] {
  const deltas = events.flatMap((event) => deltaOf(event, style))
  const told = logprobs.length > 0 && { logprobs: style.logprobs(logprobs) }
  if (told && deltas.length === 0) deltas.push({ content: '' })
  return [
    ...deltas.map((delta, at) => ({ index, delta, ...(at === 0 && told), finish_reason: null })),
    ...(finish === undefined ? [] : [{ index, delta: {}, finish_reason: finish }]),
  ]
}

function deltaOf(event: AnswerEvent, style: ChatStyle): object[] {
  switch (event.type) {
    case 'reasoning':
      return [style.reasoning(event.text)]
    case 'content':
    // A call that was passed on already cannot be taken back; the text has all of it.
    case 'tool-failure':
      return [{ content: event.text }]
    case 'tool-call': {
      const { index, id, name } = event
      return [{ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }]
    }
    case 'tool-arguments':
      return [{ tool_calls: [{ index: event.index, function: { arguments: event.text } }] }]
    case 'tool-call-end':
      return []
  }
}
