import type { ApiError } from '../http/api-error.js'

const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
}

/** An error as clients of the Messages API read it. */
export const messagesError = ({ status, message }: ApiError, requestId: string) => ({
  type: 'error',
  error: {
    type: TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error'),
    message,
  },
  request_id: requestId,
})

export const isMessagesPath = (url: string): boolean => /^\/v1\/messages(\/|\?|$)/.test(url)
