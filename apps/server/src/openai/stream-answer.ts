import type { ServerContext } from '../context.js'
import type { ApiError } from '../http/api-error.js'
import { dataFrame, type EventStream, openEventStream } from '../http/event-stream.js'
import { ClientLeft, type Exchange } from '../http/exchange.js'
import { toApiError } from '../http/to-api-error.js'

/** Milliseconds without a frame after which a comment is sent. */
const KEEP_ALIVE = 15_000
/** Milliseconds after which a client that reads nothing is given up. */
const STALL_TIMEOUT = 30_000

/** Frames that are the same for every answer of an API. */
interface StreamFrames {
  readonly keepAliveFrame: string
  /** Data of the frame that says that the answer is whole. */
  readonly lastFrame?: string
  errorFrame(failure: ApiError): string
}

const OF_OPENAI: StreamFrames = {
  keepAliveFrame: ': keep-alive\n\n',
  lastFrame: '[DONE]',
  errorFrame: ({ body }) => dataFrame(body),
}

/**
 * Sends an answer as it comes. From here on errors are frames: a stream that fails ends with one, and without the last frame,
 * because clients take a clean end for success.
 *
 * @param headers of this answer, besides those of every one.
 * @param write sends the frames, and returns when the last one is sent.
 */
export async function streamAnswer(
  { metrics }: ServerContext,
  exchange: Exchange,
  headers: Readonly<Record<string, string>>,
  write: (stream: EventStream) => Promise<void>,
  frames: StreamFrames = OF_OPENAI,
): Promise<void> {
  const { record, response } = exchange
  const stream = openEventStream(response, {
    ...{ stallTimeout: STALL_TIMEOUT, keepAlive: KEEP_ALIVE },
    headers: { ...exchange.headers, ...headers },
    keepAliveFrame: frames.keepAliveFrame,
    onStall() {
      record.reason = 'slow_client'
      exchange.abort(new ClientLeft('the client read nothing for 30 s'))
    },
  })
  try {
    await write(stream)
    if (frames.lastFrame !== undefined) stream.sendText(frames.lastFrame)
    stream.end()
  } catch (error) {
    if (exchange.signal.aborted && exchange.signal.reason instanceof ClientLeft) {
      response.destroy()
      return
    }
    const failure = toApiError(exchange.signal.aborted ? exchange.signal.reason : error, record.id)
    record.error = failure
    if (record.model !== undefined) metrics.rejected(record.model, failure.code)
    stream.fail(frames.errorFrame(failure))
  }
}
