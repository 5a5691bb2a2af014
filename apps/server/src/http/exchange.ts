import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { ServerContext } from '../context.js'
import type { RequestRecord } from '../log/request-record.js'
import { ApiError } from './api-error.js'

/** The client closed its connection before it had its answer: nobody reads what is said about it. */
export class ClientLeft extends Error {
  override readonly name = 'AbortError'
}

/** A request at work, from its check to the last byte of its answer. */
export interface Exchange {
  readonly record: RequestRecord
  readonly response: ServerResponse
  /** What every answer to the request says, for those that are written past the reply. */
  readonly headers: Readonly<OutgoingHttpHeaders>
  /** Aborted when the client leaves, the time is over, or the server ends. */
  readonly signal: AbortSignal
  /** Ends the work early. */
  abort(reason: Error): void
  /** Says that the request is done with. */
  end(): void
}

export function openExchange(
  { lifecycle, settings }: ServerContext,
  record: RequestRecord,
  response: ServerResponse,
  headers: Readonly<OutgoingHttpHeaders>,
): Exchange {
  const controller = new AbortController()
  const abort = (reason: Error) => controller.abort(reason)
  const leave = lifecycle.enter(abort)
  const timer = setTimeout(() => abort(outOfTime(settings.requestTimeout)), settings.requestTimeout * 1000)
  // The end of a request is no sign of its client's: that is the end of a response that is not complete.
  const onClose = () => {
    if (!response.writableFinished) abort(new ClientLeft('the client closed the connection'))
  }
  response.once('close', onClose)
  if (response.destroyed) onClose()
  return {
    ...{ record, response, headers, abort },
    signal: controller.signal,
    end() {
      clearTimeout(timer)
      response.off('close', onClose)
      leave()
    },
  }
}

const outOfTime = (seconds: number): ApiError =>
  new ApiError(
    'request_timeout',
    `the answer took longer than ${seconds} s, which is the most; ask for fewer tokens`,
  )
