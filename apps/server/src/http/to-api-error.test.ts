import type { Socket } from 'node:net'
import { HfquantError } from 'hfquant'
import { describe, expect, it, vi } from 'vitest'
import { ApiError, type ApiErrorCode } from './api-error.js'
import { refuseConnection } from './client-error.js'
import { toApiError } from './to-api-error.js'

const AGAIN = { 'retry-after': '1' }
const NEVER = { 'x-should-retry': 'false' }

describe('a client is told', () => {
  it.each<[number, string, object, readonly ApiErrorCode[]]>([
    [
      ...([400, 'invalid_request_error', {}] as const),
      [
        ...(['invalid_json', 'missing_field', 'invalid_type', 'invalid_value', 'unsupported_field'] as const),
        ...([
          'unsupported_value',
          'unsupported_content',
          'unsupported_schema',
          'grammar_too_complex',
        ] as const),
        ...([
          'context_length_exceeded',
          'chat_template_missing',
          'template_refused',
          'template_failed',
        ] as const),
        'token_out_of_range',
      ],
    ],
    [401, 'invalid_request_error', {}, ['invalid_api_key']],
    [403, 'permission_error', {}, ['origin_not_allowed', 'host_not_allowed', 'model_not_allowed']],
    [404, 'invalid_request_error', {}, ['model_not_found', 'not_found']],
    [405, 'invalid_request_error', {}, ['method_not_allowed']],
    [413, 'invalid_request_error', {}, ['request_too_large']],
    [415, 'invalid_request_error', {}, ['unsupported_media_type']],
    [431, 'invalid_request_error', {}, ['headers_too_large']],
    [429, 'rate_limit_error', AGAIN, ['queue_full', 'rate_limit_exceeded']],
    [500, 'server_error', NEVER, ['internal_error', 'logits_invalid', 'template_timeout']],
    [503, 'server_error', AGAIN, ['model_loading', 'worker_crashed', 'shutting_down', 'queue_timeout']],
    [503, 'server_error', NEVER, ['model_failed']],
    [504, 'server_error', NEVER, ['request_timeout']],
  ])('%i %s %j', (status, type, headers, codes) => {
    for (const code of codes) {
      const error = new ApiError(code, 'what happened', { param: 'x' })
      expect(error).toMatchObject({ status, headers })
      expect(Object.keys(error.headers)).toEqual(Object.keys(headers))
      expect(error.body).toEqual({ error: { message: 'what happened', type, param: 'x', code } })
    }
  })

  it.each([
    ['GENERATION_OPTION_INVALID', 'invalid_value'],
    ['PROMPT_TOO_LONG', 'context_length_exceeded'],
    ['CHAT_TEMPLATE_REFUSED', 'template_refused'],
    ['CHAT_TEMPLATE_FAILED', 'template_failed'],
    ['CHAT_MESSAGES_INVALID', 'template_failed'],
    ['CHAT_TEMPLATE_MISSING', 'chat_template_missing'],
    ['TOKEN_UNKNOWN', 'token_out_of_range'],
    ['TOKEN_OUT_OF_RANGE', 'token_out_of_range'],
    ['LOGITS_NAN', 'logits_invalid'],
    ['SESSION_FAILED', 'worker_crashed'],
    ['MODEL_DISPOSED', 'model_loading'],
    ['MODEL_CHANGED', 'model_loading'],
  ])('%s of the library as %s', (code, expected) => {
    expect(toApiError(new HfquantError(code, 'it failed'), 'req_1')).toMatchObject({ code: expected })
  })

  it('the id of the request about anything else, and nothing of it', () => {
    const error = toApiError(new Error('/secret/path: no such file'), 'req_1')
    expect(error).toMatchObject({ status: 500, code: 'internal_error' })
    expect(error.message).toContain('req_1')
    expect(error.message).not.toContain('secret')
  })
})

it('a request that does not come in time is answered with 408', () => {
  const end = vi.fn<(text: string) => void>()
  const socket = { writable: true, bytesWritten: 0, end } as unknown as Socket
  refuseConnection(Object.assign(new Error('slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket)
  const [answer] = end.mock.calls[0]!
  expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/)
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({
    error: { code: 'request_timeout' },
  })
})
