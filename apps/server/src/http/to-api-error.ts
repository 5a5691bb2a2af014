import { HfquantError } from 'hfquant'
import { ApiError, type ApiErrorCode } from './api-error.js'

/** Errors of the library that a request may lead to. */
const OF_LIBRARY: Readonly<Record<string, ApiErrorCode>> = {
  GENERATION_OPTION_INVALID: 'invalid_value',
  PROMPT_TOO_LONG: 'context_length_exceeded',
  TEXT_TOO_LONG: 'context_length_exceeded',
  CACHE_BUDGET_EXCEEDED: 'context_length_exceeded',
  INPUT_EMPTY: 'invalid_value',
  TOOLS_INVALID: 'invalid_value',
  SCHEMA_UNSUPPORTED: 'unsupported_schema',
  PATTERN_UNSUPPORTED: 'unsupported_schema',
  GRAMMAR_TOO_COMPLEX: 'grammar_too_complex',
  LABEL_RESERVED: 'invalid_value',
  CHAT_TEMPLATE_REFUSED: 'template_refused',
  CHAT_TEMPLATE_FAILED: 'template_failed',
  CHAT_MESSAGES_INVALID: 'template_failed',
  CHAT_CONTINUE_IMPOSSIBLE: 'template_failed',
  CHAT_TEMPLATE_MISSING: 'chat_template_missing',
  TOKEN_UNKNOWN: 'token_out_of_range',
  TOKEN_OUT_OF_RANGE: 'token_out_of_range',
  SESSION_FAILED: 'worker_crashed',
  MODEL_DISPOSED: 'model_loading',
  MODEL_CHANGED: 'model_loading',
}

/** Errors of Fastify, which have bodies of their own that no client of this API knows. */
const OF_FASTIFY: Readonly<Record<string, readonly [ApiErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['request_too_large', 'the body is larger than --body-limit allows'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'the content type is not application/json; send JSON with that content type',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid_json', 'the body is not as long as content-length says'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['invalid_json', 'the body is empty, expected a JSON object'],
  FST_ERR_BAD_URL: ['not_found', 'the path is not one of this server'],
}

/** @param requestId what an operator finds the cause of an unexpected error by. */
export function toApiError(error: unknown, requestId: string): ApiError {
  if (ApiError.isInstance(error)) return error
  const code = (error as { code?: unknown } | null)?.code
  if (typeof code === 'string') {
    const known = OF_FASTIFY[code]
    if (known !== undefined) return new ApiError(...known)
    if (HfquantError.isInstance(error)) {
      const ours = code.startsWith('LOGITS_') ? 'logits_invalid' : OF_LIBRARY[code]
      if (ours !== undefined)
        return new ApiError(ours, describe(error), { cause: error, param: paramOf(error) })
    }
  }
  return new ApiError('internal_error', `the server failed; its log names the cause under ${requestId}`, {
    cause: error,
  })
}

/** The names of the library's options are not those of the API. */
const PARAMS: Readonly<Record<string, string>> = {
  inputIds: 'prompt',
  input: 'input',
  prompt: 'prompt',
  messages: 'messages',
  toolChoice: 'tool_choice',
  'toolChoice.function.name': 'tool_choice.function.name',
  tools: 'tools',
  response_format: 'response_format',
  labels: 'labels',
}

const paramOf = ({ field }: HfquantError): string | undefined =>
  field === undefined
    ? undefined
    : /^(messages|tools)\[/.test(field)
      ? field
      : PARAMS[field.replace(/\[\d+\]$/, '')]

const describe = ({ message, hint, code }: HfquantError): string =>
  code === 'CHAT_TEMPLATE_MISSING'
    ? 'the model has no chat template; send a prompt (/v1/completions, /api/generate), or start the server with --chat-template'
    : hint === undefined
      ? message
      : `${message}. ${hint}`
