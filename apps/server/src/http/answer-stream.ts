import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** Bytes that a client may be behind before its generation waits, and from which it goes on. */
const PAUSE_BYTES = 64 * 1024
const RESUME_BYTES = 16 * 1024

export interface AnswerStreamOptions {
  readonly headers: Readonly<OutgoingHttpHeaders>
  /** Milliseconds after which a client that reads nothing is given up. */
  readonly stallTimeout: number
  /** Milliseconds without a frame after which one that means nothing keeps the connection from being cut on its way. */
  readonly keepAlive: number
  readonly keepAliveFrame: string
  /** Called when the client was given up. */
  onStall(): void
}

/** Frames on a response, as they come. */
export interface AnswerStream {
  /** Writes one frame; resolves when the client has read enough of what is waiting for it. */
  send(frame: string): Promise<void>
  /** The last frame of a stream that failed. There is no regular end then, so that no client takes the text for whole. */
  fail(frame: string): void
  /** @param frame the last one; empty for none. */
  end(frame: string): void
}

/** Sends the head of the answer at once. */
export function openAnswerStream(response: ServerResponse, options: AnswerStreamOptions): AnswerStream {
  const { keepAlive, keepAliveFrame, stallTimeout, onStall } = options
  response.writeHead(200, { ...options.headers, 'x-accel-buffering': 'no' })
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
    async send(frame) {
      write(frame)
      if (response.writableLength > PAUSE_BYTES && !response.destroyed) await catchUp()
    },
    fail(frame) {
      stop()
      if (response.destroyed || response.writableEnded) return
      // What cannot be written any more must not look like an end.
      if (response.writableLength > PAUSE_BYTES) response.destroy()
      else response.end(frame)
    },
    end(frame) {
      write(frame)
      stop()
      if (!response.destroyed) response.end()
    },
  }
}
