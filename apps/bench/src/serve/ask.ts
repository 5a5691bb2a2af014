import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

/** An answer, and when its parts came, by the clock of `performance`. */
export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly sent: number
  /** Its status and headers. */
  readonly head: number
  /** The first event with a text, and the last: of an answer in one piece, its end. */
  readonly firstToken: number
  readonly lastToken: number
  readonly ended: number
  /** Times of all events with a text. */
  readonly times: readonly number[]
}

export interface Question {
  readonly url: string
  readonly path: string
  readonly body: object | string
  readonly signal?: AbortSignal | undefined
  /** Called with each piece of the answer; a promise stops the reading until it is fulfilled. */
  readonly onData?: ((text: string) => Promise<void> | undefined) | undefined
}

const agent = new Agent({ keepAlive: true, maxSockets: 1000 })

/** Closes connections that are kept for further questions. */
export const hangUp = (): void => agent.destroy()

/** Only this machine is put under load. @throws TypeError for another address. */
export function demandLoopback(url: string): URL {
  const parsed = new URL(url)
  if (['127.0.0.1', '[::1]'].includes(parsed.hostname)) return parsed
  throw new TypeError(`${url} is no address of this machine; load is put on 127.0.0.1 and ::1 only`)
}

/**
 * Asks a server of this machine.
 *
 * @throws Error of the connection when it ends before the answer does; the reason of the signal.
 */
export async function ask({ url, path, body, signal, onData }: Question): Promise<Reply> {
  const { hostname, port } = demandLoopback(url)
  const sent = performance.now()
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request(
      {
        ...{ agent, hostname: hostname.replace(/[[\]]/g, ''), port, path, method: 'POST', signal },
        headers: { 'content-type': 'application/json' },
      },
      resolve,
    )
    asked.on('error', reject)
    asked.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  const head = performance.now()
  const isStream = response.headers['content-type']?.startsWith('text/event-stream') === true
  const times: number[] = []
  let text = ''
  let open = ''
  for await (const piece of response.setEncoding('utf8')) {
    text += piece
    if (isStream) {
      const frames = (open + piece).split('\n\n')
      open = frames.pop()!
      for (const frame of frames) if (hasText(frame)) times.push(performance.now())
    }
    await onData?.(piece)
  }
  const ended = performance.now()
  return {
    ...{ status: response.statusCode!, headers: response.headers, body: text, sent, head, ended, times },
    firstToken: times[0] ?? ended,
    lastToken: times.at(-1) ?? ended,
  }
}

/** Without parsing: the generator shares the processor with what it measures. */
const hasText = (frame: string): boolean => /"(text|content)":"./.test(frame)

/** Of the last event that says it, or of an answer in one piece. */
export const usageOf = ({ body }: Pick<Reply, 'body'>) => ({
  promptTokens: lastNumber(body, 'prompt_tokens'),
  completionTokens: lastNumber(body, 'completion_tokens'),
  cachedTokens: lastNumber(body, 'cached_tokens'),
})

const lastNumber = (text: string, field: string): number =>
  Number([...text.matchAll(new RegExp(`"${field}":(\\d+)`, 'g'))].at(-1)?.[1] ?? 0)
