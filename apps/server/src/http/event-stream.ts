import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** Bytes that a client may be behind before its generation waits, and from which it goes on. */
const PAUSE_BYTES = 64 * 1024
const RESUME_BYTES = 16 * 1024

export interface EventStreamOptions {
  readonly headers: Readonly<OutgoingHttpHeaders>
  /** Milliseconds after which a client that reads nothing is given up. */
  readonly stallTimeout: number
  /** Milliseconds without a frame after which a comment keeps the connection from being cut on its way. */
  readonly keepAlive: number
  /** What is sent then. */
  readonly keepAliveFrame: string
  /** Called when the client was given up. */
  onStall(): void
}

/** Server-sent events on a response. */
export interface EventStream {
  /** Writes one event; resolves when the client has read enough of what is waiting for it. */
  send(data: unknown, event?: string): Promise<void>
  sendText(data: string): void
  /** The last frame of a stream that failed. There is no regular end then, so that no client takes the text for whole. */
  fail(frame: string): void
  end(): void
}

export const dataFrame = (data: unknown, event?: string): string =>
  `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`

/** Sends the head of the answer at once. */
export function openEventStream(response: ServerResponse, options: EventStreamOptions): EventStream {
  const { keepAlive, keepAliveFrame, stallTimeout, onStall } = options
  response.writeHead(200, {
    ...options.headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
  })
  response.flushHeaders()
  const timer = setInterval(() => {
    if (response.writableLength === 0) response.write(keepAliveFrame)
  }, keepAlive)
  timer.unref()
  const stop = () => clearInterval(timer)
  response.once('close', stop)

  /** Waits for a client that is behind, without holding what it has not read twice. */
  const catchUp = (): Promise<void> =>
    new Promise((resolve) => {
      const settle = () => {
        clearInterval(poll)
        clearTimeout(stall)
        response.off('close', settle)
        resolve()
      }
      const poll = setInterval(() => {
        if (response.writableLength < RESUME_BYTES) settle()
      }, 10)
      const stall = setTimeout(() => {
        onStall()
        response.destroy()
        settle()
      }, stallTimeout)
      response.once('close', settle)
    })

  const write = (frame: string) => {
    if (response.destroyed || response.writableEnded) return
    response.write(frame)
    timer.refresh()
  }
  return {
    async send(data, event) {
      write(dataFrame(data, event))
      if (response.writableLength > PAUSE_BYTES && !response.destroyed) await catchUp()
    },
    sendText: (data) => write(`data: ${data}\n\n`),
    fail(frame) {
      stop()
      if (response.destroyed || response.writableEnded) return
      // What cannot be written any more must not look like an end.
      if (response.writableLength > PAUSE_BYTES) response.destroy()
      else response.end(frame)
    },
    end() {
      stop()
      if (!response.destroyed) response.end()
    },
  }
}
