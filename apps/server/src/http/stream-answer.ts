import type { ServerContext } from '../context.js'
import { openAnswerStream } from './answer-stream.js'
import type { ApiError } from './api-error.js'
import { ClientLeft, type Exchange } from './exchange.js'
import { toApiError } from './to-api-error.js'

/** Milliseconds without a frame after which one that means nothing is sent. */
const KEEP_ALIVE = 15_000
/** Milliseconds after which a client that reads nothing is given up. */
const STALL_TIMEOUT = 30_000

/** How an API streams its answers. */
export interface StreamForm {
  readonly contentType: string
  /** What is sent where there was nothing to send for a while: it means nothing to clients. */
  readonly keepAliveFrame: string
  /** Says that the answer is whole, where no frame of the answer does. */
  readonly lastFrame?: string
  frame(data: object): string
  errorFrame(failure: ApiError, requestId: string): string
}

/** Server-sent events. */
export const EVENT_STREAM = 'text/event-stream; charset=utf-8'

/** An event without a name. */
export const dataFrame = (data: object): string => `data: ${JSON.stringify(data)}\n\n`

/**
 * Sends an answer as it comes. From here on errors are frames: a stream that fails ends with one, and without the last frame,
 * because clients take a clean end for success.
 *
 * @param headers of this answer, besides those of every one.
 * @param write sends what the frames hold, and returns when the last one is sent.
 */
export async function streamAnswer(
  { metrics }: ServerContext,
  exchange: Exchange,
  form: StreamForm,
  headers: Readonly<Record<string, string>>,
  write: (send: (data: object) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { record, response } = exchange
  const stream = openAnswerStream(response, {
    ...{ stallTimeout: STALL_TIMEOUT, keepAlive: KEEP_ALIVE, keepAliveFrame: form.keepAliveFrame },
    headers: { ...exchange.headers, ...headers, 'content-type': form.contentType },
    onStall() {
      record.reason = 'slow_client'
      exchange.abort(new ClientLeft('the client read nothing for 30 s'))
    },
  })
  try {
    await write((data) => stream.send(form.frame(data)))
    stream.end(form.lastFrame ?? '')
  } catch (error) {
    if (exchange.signal.aborted && exchange.signal.reason instanceof ClientLeft) {
      response.destroy()
      return
    }
    const failure = toApiError(exchange.signal.aborted ? exchange.signal.reason : error, record.id)
    record.error = failure
    if (record.model !== undefined) metrics.rejected(record.model, failure.code)
    stream.fail(form.errorFrame(failure, record.id))
  }
}
