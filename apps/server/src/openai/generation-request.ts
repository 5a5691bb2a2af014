import type { GrammarSource, ToolUse } from 'hfquant'
import { ApiError } from '../http/api-error.js'
import {
  type Fields,
  listOf,
  number,
  object,
  optional,
  type Read,
  required,
  text,
  truth,
  whole,
  wrongType,
  wrongValue,
} from '../http/read-body.js'
import { duration } from '../settings/parse-values.js'
import { readResponseFormat } from './response-format.js'

/** What a request says about how its answer is generated, whatever the route. Undefined: the model's own default. */
export interface GenerationRequest {
  /** The field that the prompt stands in. */
  readonly promptField: 'messages' | 'prompt'
  readonly model: string
  readonly maxTokens: number | undefined
  readonly temperature: number | undefined
  readonly topP: number | undefined
  readonly topK: number | undefined
  readonly minP: number | undefined
  readonly repetitionPenalty: number | undefined
  readonly presencePenalty: number | undefined
  readonly frequencyPenalty: number | undefined
  readonly logitBias: LogitBias | undefined
  readonly seed: number | undefined
  readonly n: number
  readonly stop: readonly string[] | undefined
  readonly stopTokenIds: readonly number[]
  readonly ignoreEos: boolean
  readonly stream: boolean
  readonly includeUsage: boolean
  /** Milliseconds; -1 never. */
  readonly keepAlive: number | undefined
  readonly cacheSalt: string | undefined
  /** Likeliest tokens that are told in place of each one; undefined: no log-probabilities. */
  readonly logprobs: number | undefined
  /** Tells log-probabilities of the prompt, too. */
  readonly scoresPrompt?: boolean
  /** What the answer has to be; undefined: any text. */
  readonly responseFormat: GrammarSource | undefined
  /** Undefined: no function may be called. */
  readonly tools: ToolUse | undefined
}

/** What a request does not say whose API has no words for it. */
export const UNSAID = {
  ...{ n: 1, includeUsage: false, ignoreEos: false, stopTokenIds: [], logprobs: undefined, seed: undefined },
  ...{ temperature: undefined, topP: undefined, topK: undefined, minP: undefined, logitBias: undefined },
  ...{ repetitionPenalty: undefined, presencePenalty: undefined, frequencyPenalty: undefined },
  ...{ stop: undefined, keepAlive: undefined, cacheSalt: undefined },
} as const satisfies Partial<GenerationRequest>

/** Added to the logits of tokens, by their ids. */
export type LogitBias = Readonly<Record<number, number>>

/** Fields that every generating route of OpenAI's API reads. */
export const GENERATION_FIELDS = [
  'model',
  'max_tokens',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'repetition_penalty',
  'presence_penalty',
  'frequency_penalty',
  'logit_bias',
  'seed',
  'n',
  'stop',
  'stop_token_ids',
  'ignore_eos',
  'stream',
  'stream_options',
  'keep_alive',
  'cache_salt',
  'logprobs',
  'response_format',
] as const

const penalty = number({ least: -2, most: 2 })

const stopStrings: Read<readonly string[]> = (value, path) =>
  typeof value === 'string'
    ? [text({ least: 1, most: 256 })(value, path)]
    : listOf(text({ least: 1, most: 256 }), { most: 16 })(value, path)

const MOST_BIASES = 1024

const logitBias: Read<LogitBias> = (value, path) => {
  const entries = Object.entries(object(value, path))
  if (entries.length > MOST_BIASES) {
    throw wrongValue(`${entries.length} entries`, path, `${MOST_BIASES} at most`)
  }
  const biases = entries.map(([token, bias]) => {
    const id = Number(token)
    if (!/^\d{1,9}$/.test(token)) throw wrongValue('a key that is no token id', path, 'token ids as keys')
    return [id, number({ least: -100, most: 100 })(bias, `${path}.${id}`)] as const
  })
  return Object.fromEntries(biases)
}

/** Any whole number; random generators take those that are not negative. */
const seed: Read<number> = (value, path) => {
  if (typeof value !== 'number') throw wrongType(value, path, 'a whole number')
  if (!Number.isInteger(value)) throw wrongValue(String(value), path, 'a whole number')
  return Math.abs(value) % 2 ** 53
}

/** Milliseconds; -1 for ever. */
export const keepAlive: Read<number> = (value, path) => {
  const milliseconds =
    typeof value === 'number' ? value * 1000 : typeof value === 'string' ? duration(value) : undefined
  if (milliseconds === undefined)
    throw wrongValue('no duration', path, 'seconds, or a text such as "5m"; -1 for ever')
  return milliseconds < 0 ? -1 : milliseconds
}

/** What is sampled from, and until where. */
type Sampling = Pick<
  GenerationRequest,
  | 'temperature'
  | 'topP'
  | 'topK'
  | 'minP'
  | 'repetitionPenalty'
  | 'presencePenalty'
  | 'frequencyPenalty'
  | 'seed'
  | 'stop'
>

/**
 * Settings of sampling, which APIs write alike.
 *
 * @param where they stand, and what the repetition penalty is called there.
 * @throws ApiError naming the field.
 */
export function readSampling(
  fields: Fields,
  { path = '', repetitionPenalty = 'repetition_penalty' } = {},
): Sampling {
  const topK = optional(fields, 'top_k', whole(-1), path)
  return {
    temperature: optional(fields, 'temperature', number({ least: 0, most: 2 }), path),
    topP: optional(fields, 'top_p', number({ least: 0, most: 1 }), path),
    topK: topK === -1 ? 0 : topK,
    minP: optional(fields, 'min_p', number({ least: 0, most: 1 }), path),
    repetitionPenalty: optional(fields, repetitionPenalty, number({ above: 0, most: 10 }), path),
    presencePenalty: optional(fields, 'presence_penalty', penalty, path),
    frequencyPenalty: optional(fields, 'frequency_penalty', penalty, path),
    seed: optional(fields, 'seed', seed, path),
    stop: optional(fields, 'stop', stopStrings, path),
  }
}

/**
 * @param own what the route reads: chat and completions write it differently.
 * @throws ApiError naming the field.
 */
export function readGeneration(
  body: Fields,
  own: Pick<GenerationRequest, 'promptField' | 'maxTokens' | 'logprobs' | 'scoresPrompt' | 'tools'>,
): GenerationRequest {
  const stream = optional(body, 'stream', truth) ?? false
  const streamOptions = optional(body, 'stream_options', object)
  if (streamOptions !== undefined && !stream) {
    throw new ApiError('invalid_value', 'stream_options is given and stream is not true; leave it out', {
      param: 'stream_options',
    })
  }
  return {
    ...{ ...own, ...readSampling(body), stream },
    responseFormat: readResponseFormat(body),
    model: required(body, 'model', text({ most: 256 }), 'the name of a model'),
    includeUsage: optional(streamOptions ?? {}, 'include_usage', truth, 'stream_options') ?? false,
    logitBias: optional(body, 'logit_bias', logitBias),
    n: optional(body, 'n', whole(1, 8)) ?? 1,
    stopTokenIds: optional(body, 'stop_token_ids', listOf(whole(0), { most: 64 })) ?? [],
    ignoreEos: optional(body, 'ignore_eos', truth) ?? false,
    keepAlive: optional(body, 'keep_alive', keepAlive),
    cacheSalt: optional(body, 'cache_salt', text({ most: 256 })),
  }
}
