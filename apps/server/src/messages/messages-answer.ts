import { randomBytes } from 'node:crypto'
import { type AnswerEvent, collectAnswer } from 'hfquant'
import type { AnswerPart, UsageCount } from '../generate/answer-parts.js'

export const newMessageId = (): string => `msg_${randomBytes(12).toString('hex')}`

export type StopReason = 'end_turn' | 'max_tokens' | 'stop_sequence' | 'tool_use'

/** Why an answer ended, as the Messages API says it. */
export function stopOf({ finish, stopString }: AnswerPart): {
  readonly stop_reason: StopReason
  readonly stop_sequence: string | null
} {
  const stop_sequence = stopString ?? null
  if (finish === 'length') return { stop_reason: 'max_tokens', stop_sequence }
  if (finish === 'tool_calls') return { stop_reason: 'tool_use', stop_sequence: null }
  return { stop_reason: stopString === undefined ? 'end_turn' : 'stop_sequence', stop_sequence }
}

/** Tokens that were found in the cache are counted by themselves. */
export const messagesUsage = ({ promptTokens, cachedTokens, completionTokens }: UsageCount) => ({
  input_tokens: promptTokens - cachedTokens,
  output_tokens: completionTokens,
  cache_read_input_tokens: cachedTokens,
  cache_creation_input_tokens: 0,
})

export interface MessageEvent {
  readonly type: string
  readonly [field: string]: unknown
}

/** Writes the events of a streamed message: blocks are opened and closed as their parts come. */
export interface MessageEvents {
  start(head: { readonly id: string; readonly model: string }, promptTokens: number): readonly MessageEvent[]
  add(part: AnswerPart): readonly MessageEvent[]
  end(stop: ReturnType<typeof stopOf>, usage: UsageCount): readonly MessageEvent[]
}

/** The blocks of a whole answer. */
export function messageBlocks(events: readonly AnswerEvent[]): readonly object[] {
  const { reasoning, content, toolCalls } = collectAnswer(events)
  return [
    ...(reasoning === '' ? [] : [{ type: 'thinking', thinking: reasoning, signature: '' }]),
    ...(content === '' ? [] : [{ type: 'text', text: content }]),
    ...toolCalls.map(({ id, name, arguments: written }) => ({
      ...{ type: 'tool_use', id, name, input: JSON.parse(written) },
    })),
  ]
}

const EMPTY_BLOCKS = {
  text: { type: 'text', text: '' },
  thinking: { type: 'thinking', thinking: '', signature: '' },
} as const

export function messageEvents(): MessageEvents {
  let index = -1
  let open: keyof typeof EMPTY_BLOCKS | 'tool_use' | undefined
  const close = (): MessageEvent[] => {
    if (open === undefined) return []
    open = undefined
    return [{ type: 'content_block_stop', index }]
  }
  const begin = (type: NonNullable<typeof open>, content_block: object): MessageEvent[] => {
    const closed = close()
    open = type
    index++
    return [...closed, { type: 'content_block_start', index, content_block }]
  }
  const delta = (fields: object): MessageEvent => ({ type: 'content_block_delta', index, delta: fields })
  const goOn = (type: keyof typeof EMPTY_BLOCKS, fields: object): MessageEvent[] => [
    ...(open === type ? [] : begin(type, EMPTY_BLOCKS[type])),
    delta(fields),
  ]
  const eventsOf = (event: AnswerEvent): MessageEvent[] => {
    switch (event.type) {
      case 'reasoning':
        return goOn('thinking', { type: 'thinking_delta', thinking: event.text })
      case 'content':
      // A call that was passed on already cannot be taken back; the text has all of it.
      case 'tool-failure':
        return goOn('text', { type: 'text_delta', text: event.text })
      case 'tool-call':
        return begin('tool_use', { type: 'tool_use', id: event.id, name: event.name, input: {} })
      case 'tool-arguments':
        return [delta({ type: 'input_json_delta', partial_json: event.text })]
      case 'tool-call-end':
        return close()
    }
  }
  return {
    start: ({ id, model }, promptTokens) => [
      {
        type: 'message_start',
        message: {
          ...{ id, type: 'message', role: 'assistant', model, content: [] },
          ...{ stop_reason: null, stop_sequence: null },
          usage: { input_tokens: promptTokens, output_tokens: 0 },
        },
      },
    ],
    add: ({ events }) => events.flatMap(eventsOf),
    end: (stop, usage) => [
      ...close(),
      { type: 'message_delta', delta: stop, usage: messagesUsage(usage) },
      { type: 'message_stop' },
    ],
  }
}
