import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ApiKey } from '../auth/api-keys.js'
import type { ApiError } from '../http/api-error.js'
import type { FinishedReason } from '../metrics/metrics.js'

/** What is known about one request: one line of the log at its end. No text of it or of its answer is in here. */
export interface RequestRecord {
  readonly id: string
  /** By the clock of `performance`, as the other times. */
  readonly started: number
  /** The last byte of the request. */
  received: number
  rendered?: number
  admitted?: number
  firstToken?: number
  ended?: number
  key: ApiKey | undefined
  model?: string
  stream: boolean
  n: number
  maxTokens: number
  promptTokens: number
  cachedTokens: number
  completionTokens: number
  finish?: FinishedReason
  /** Why the connection ended before the answer did. */
  reason?: string
  error?: ApiError
  /** True while a route works on it, which may be longer than its connection is open. */
  isAtWork: boolean
  /** What is left to do when the work ends. */
  onEnd?: () => void
}

const ID = /^[A-Za-z0-9._-]{1,128}$/

/** The id that a client gave its request, or a new one. */
export function requestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && ID.test(given) ? given : `req_${randomBytes(12).toString('hex')}`
}

export const newRecord = (id: string): RequestRecord => {
  const now = performance.now()
  return {
    ...{
      id,
      started: now,
      received: now,
      key: undefined,
      stream: false,
      n: 1,
      maxTokens: 0,
      isAtWork: false,
    },
    ...{ promptTokens: 0, cachedTokens: 0, completionTokens: 0 },
  }
}

/** The fields of the line, in milliseconds and tokens. */
export function describeRecord(record: RequestRecord, route: string, response: ServerResponse): object {
  const { received, admitted, rendered, firstToken } = record
  const since = (from: number | undefined, to: number | undefined) =>
    from === undefined || to === undefined ? undefined : Math.round((to - from) * 10) / 10
  return {
    ...{ req_id: record.id, route, status: response.statusCode, model: record.model, key: record.key?.name },
    ...{ stream: record.stream, n: record.n },
    ...{ prompt_tokens: record.promptTokens, cached_tokens: record.cachedTokens },
    ...{ completion_tokens: record.completionTokens, finish: record.finish },
    queue_ms: since(rendered, admitted),
    ttft_ms: since(received, firstToken),
    total_ms: since(record.started, performance.now()),
    code: record.error?.code ?? record.reason,
  }
}
