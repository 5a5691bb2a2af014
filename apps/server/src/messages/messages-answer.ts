import { randomBytes } from 'node:crypto'
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

interface MessageEvent {
  readonly type: string
  readonly [field: string]: unknown
}

/** Writes the events of a streamed message: blocks are opened and closed as their parts come. */
export interface MessageEvents {
  start(head: { readonly id: string; readonly model: string }, promptTokens: number): readonly MessageEvent[]
  add(part: AnswerPart): readonly MessageEvent[]
  end(stop: ReturnType<typeof stopOf>, usage: UsageCount): readonly MessageEvent[]
}

export function messageEvents(): MessageEvents {
  let index = -1
  let isOpen = false
  const open = (): MessageEvent[] => {
    if (isOpen) return []
    isOpen = true
    index++
    return [{ type: 'content_block_start', index, content_block: { type: 'text', text: '' } }]
  }
  const close = (): MessageEvent[] => {
    if (!isOpen) return []
    isOpen = false
    return [{ type: 'content_block_stop', index }]
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
    add: ({ content }) =>
      content === ''
        ? []
        : [...open(), { type: 'content_block_delta', index, delta: { type: 'text_delta', text: content } }],
    end: (stop, usage) => [
      ...close(),
      { type: 'message_delta', delta: stop, usage: messagesUsage(usage) },
      { type: 'message_stop' },
    ],
  }
}
