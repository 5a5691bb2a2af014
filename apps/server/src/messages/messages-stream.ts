import { EVENT_STREAM, type StreamForm } from '../http/stream-answer.js'
import type { MessageEvent } from './messages-answer.js'
import { messagesError } from './messages-error.js'

/** Clients pass over events without a name. */
const frame = (event: object): string =>
  `event: ${(event as MessageEvent).type}\ndata: ${JSON.stringify(event)}\n\n`

export const MESSAGES_STREAM: StreamForm = {
  contentType: EVENT_STREAM,
  keepAliveFrame: frame({ type: 'ping' }),
  frame,
  errorFrame: (failure, requestId) => frame(messagesError(failure, requestId)),
}
