import { HfquantError } from 'hfquant'

type ErrorType = 'invalid_request_error' | 'permission_error' | 'rate_limit_error' | 'server_error'

/** What each code is answered with. `retry`: what clients are told about trying again, where their own rule would be wrong. */
interface ErrorKind {
  readonly status: number
  readonly type: ErrorType
  readonly retry?: 'later' | 'never'
}

const request = (status: number): ErrorKind => ({ status, type: 'invalid_request_error' })
const permission: ErrorKind = { status: 403, type: 'permission_error' }
const rate: ErrorKind = { status: 429, type: 'rate_limit_error', retry: 'later' }
const fault: ErrorKind = { status: 500, type: 'server_error', retry: 'never' }
const unavailable: ErrorKind = { status: 503, type: 'server_error', retry: 'later' }

const KINDS = {
  invalid_json: request(400),
  missing_field: request(400),
  invalid_type: request(400),
  invalid_value: request(400),
  unsupported_field: request(400),
  unsupported_value: request(400),
  unsupported_content: request(400),
  unsupported_schema: request(400),
  grammar_too_complex: request(400),
  context_length_exceeded: request(400),
  chat_template_missing: request(400),
  template_refused: request(400),
  template_failed: request(400),
  token_out_of_range: request(400),
  invalid_api_key: request(401),
  origin_not_allowed: permission,
  host_not_allowed: permission,
  model_not_allowed: permission,
  model_not_found: request(404),
  not_found: request(404),
  method_not_allowed: request(405),
  request_too_large: request(413),
  unsupported_media_type: request(415),
  headers_too_large: request(431),
  queue_full: rate,
  rate_limit_exceeded: rate,
  internal_error: fault,
  logits_invalid: fault,
  template_timeout: fault,
  model_loading: unavailable,
  worker_crashed: unavailable,
  shutting_down: unavailable,
  queue_timeout: unavailable,
  model_failed: { status: 503, type: 'server_error', retry: 'never' },
  /** The answer took too long; a request that was not received in time is answered before any route sees it. */
  request_timeout: { status: 504, type: 'server_error', retry: 'never' },
} as const satisfies Record<string, ErrorKind>

export type ApiErrorCode = keyof typeof KINDS

export interface ApiErrorOptions {
  /** Where in the request: `messages[2].content`. */
  readonly param?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Whole seconds after which another try has a chance. Default 1 where trying again helps. */
  readonly retryAfter?: number | undefined
  readonly cause?: unknown
}

/** What a request is refused or ended with, as its client sees it. `message` never quotes a prompt or an answer. */
export class ApiError extends HfquantError {
  static override readonly family: string = 'hfquant.server.request'
  readonly status: number
  readonly type: ErrorType
  readonly param: string | null
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ApiErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(code, message, { field: options.param, cause: options.cause })
    const { status, type, retry }: ErrorKind = KINDS[code]
    this.status = status
    this.type = type
    this.param = options.param ?? null
    this.headers = {
      ...(retry === 'later' && { 'retry-after': String(options.retryAfter ?? 1) }),
      ...(retry === 'never' && { 'x-should-retry': 'false' }),
      ...options.headers,
    }
  }

  /** The body of the answer, and the frame that ends a stream. */
  get body(): { readonly error: ErrorBody } {
    const { message, type, param, code } = this
    return { error: { message, type, param, code } }
  }
}

export interface ErrorBody {
  readonly message: string
  readonly type: string
  readonly param: string | null
  readonly code: string
}
