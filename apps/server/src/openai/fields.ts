import { ApiError } from '../http/api-error.js'
import { type Fields, optional, text } from '../http/read-body.js'

/** The model that a request names, where it may leave it out. */
export const modelName = (body: Fields): string | undefined => optional(body, 'model', text({ most: 256 }))

/** Fields that change nothing about an answer: taken, and not spoken of. */
const WITHOUT_EFFECT = [
  'user',
  'metadata',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prompt_cache_options',
  'store',
]

/** A field that would change the answer and is not offered. */
interface RefusedField {
  /** What is offered in its place. */
  readonly instead: string
  /** Values that ask for nothing. */
  readonly allows?: (value: unknown, body: Fields) => boolean
}

const REFUSED: Readonly<Record<string, RefusedField>> = {
  functions: { instead: 'tools' },
  function_call: { instead: 'tool_choice' },
  audio: { instead: 'nothing: this server speaks text' },
  prediction: { instead: 'nothing' },
  web_search_options: { instead: 'nothing: this server fetches nothing' },
  moderation: { instead: 'nothing' },
  modalities: {
    instead: '["text"]',
    allows: (value) => Array.isArray(value) && value.length === 1 && value[0] === 'text',
  },
  verbosity: { instead: '"medium"', allows: (value) => value === 'medium' },
  service_tier: { instead: '"auto"', allows: (value) => value === 'auto' || value === 'default' },
  suffix: { instead: 'a prompt that ends where the answer is to begin' },
  best_of: { instead: 'n', allows: (value, body) => value === (body.n ?? 1) },
  chat_template: { instead: '--chat-template when the server is started' },
  structured_outputs: { instead: 'response_format' },
  use_beam_search: { instead: 'n', allows: (value) => value === false },
}

/** Of other servers: their settings for constrained decoding. */
const GUIDED = /^guided_\w+$/

/** Unknown fields that are told of: a body may hold thousands of them. */
const MOST_UNKNOWN = 32

/** Names of fields that are sorted out here, for the list that a test compares with the client's own. */
export const classifiedFields: readonly string[] = [...WITHOUT_EFFECT, ...Object.keys(REFUSED)]

/**
 * Refuses what would change the answer and is not offered.
 *
 * @param honoured fields that the route reads.
 * @returns names of the first fields that nobody knows: they are ignored, and named in a header.
 * @throws ApiError unsupported_field
 */
export function sortFields(body: Fields, honoured: readonly string[]): readonly string[] {
  for (const [name, value] of Object.entries(body)) {
    if (honoured.includes(name) || value === null) continue
    const refused = Object.hasOwn(REFUSED, name)
      ? REFUSED[name]
      : GUIDED.test(name)
        ? { instead: 'response_format' }
        : undefined
    if (refused !== undefined && !refused.allows?.(value, body)) {
      throw new ApiError('unsupported_field', `${name} is not offered; use ${refused.instead}`, {
        param: name,
      })
    }
  }
  return unknownFields(body, [...honoured, ...classifiedFields])
}

/** Names of the first fields that are none of `known`; null counts as absent. */
export function unknownFields(body: Fields, known: readonly string[]): readonly string[] {
  const unknown: string[] = []
  for (const name of Object.keys(body)) {
    if (unknown.length === MOST_UNKNOWN) break
    if (!known.includes(name) && body[name] !== null) unknown.push(name)
  }
  return unknown
}

/** Bytes of the header that names ignored fields. */
const MAX_HEADER = 256

/** The header that names ignored fields, where there are some. */
export function ignoredHeader(names: readonly string[]): Readonly<Record<string, string>> {
  if (names.length === 0) return {}
  const told = names.map((name) => name.replace(/[^\w.-]/g, '?').slice(0, 64)).join(', ')
  return { 'x-hfquant-ignored': told.slice(0, MAX_HEADER) }
}
