import type { Socket } from 'node:net'

/** Answers what the HTTP parser refuses, which no route sees, in the form of this API. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  // A connection that was reset, or has had its answer, is told nothing.
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const [status, reason, code, message] = REASONS[error.code ?? ''] ?? BROKEN
  const body = JSON.stringify({ error: { message, type: 'invalid_request_error', param: null, code } })
  const headers = [
    `HTTP/1.1 ${status} ${reason}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ]
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`)
}

type Reason = readonly [status: number, reason: string, code: string, message: string]

const BROKEN: Reason = [400, 'Bad Request', 'invalid_value', 'the request is no HTTP/1.1']

const REASONS: Readonly<Record<string, Reason>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [
    408,
    'Request Timeout',
    'request_timeout',
    'the request was not complete in time',
  ],
  HPE_HEADER_OVERFLOW: [
    431,
    'Request Header Fields Too Large',
    'headers_too_large',
    'the headers have more than 16 KiB',
  ],
}
