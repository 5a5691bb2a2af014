import type { GenerateOptions } from 'hfquant'
import { ApiError } from '../http/api-error.js'
import type { LoadedDecoder } from '../models/loaded-model.js'
import type { GenerationRequest } from '../openai/generation-request.js'
import type { AnswerPlan } from './plan-answer.js'

/** Limits that hold for every request. */
export interface TokenLimits {
  /** Where neither the request nor the model says how long an answer may be. */
  readonly defaultMaxTokens: number
  /** For any request; undefined: what the context leaves. */
  readonly maxTokensLimit: number | undefined
}

/**
 * Tokens that an answer may have.
 *
 * @throws ApiError context_length_exceeded for a prompt that leaves no room.
 */
export function answerTokens(
  request: Pick<GenerationRequest, 'maxTokens' | 'promptField'>,
  promptTokens: number,
  { contextLength, defaults }: Pick<LoadedDecoder, 'contextLength' | 'defaults'>,
  { defaultMaxTokens, maxTokensLimit = Number.POSITIVE_INFINITY }: TokenLimits,
): number {
  const room = contextLength - promptTokens
  if (room < Math.min(request.maxTokens ?? 1, 1)) {
    throw new ApiError(
      'context_length_exceeded',
      `the prompt has ${promptTokens} tokens, and the model takes ${contextLength} with the answer; shorten it`,
      { param: request.promptField },
    )
  }
  return Math.min(request.maxTokens ?? defaults.maxNewTokens ?? defaultMaxTokens, maxTokensLimit, room)
}

interface OneChoice extends Pick<GenerateOptions, 'maxNewTokens' | 'signal' | 'scope' | 'onAdmitted'> {
  /** Among those of its prompt. */
  readonly choice: number
}

/** Options of one choice, all of them said: the library's own defaults are those of another API. */
export function generateOptions(
  request: GenerationRequest,
  { defaults }: Pick<LoadedDecoder, 'defaults'>,
  { grammar, keptTokenIds, readsStops }: Omit<AnswerPlan, 'reader' | 'endsWithCall'>,
  { choice, ...call }: OneChoice,
): GenerateOptions {
  const temperature = request.temperature ?? defaults.temperature ?? 1
  const doSample = temperature > 0
  const seed = request.seed === undefined ? undefined : (request.seed + choice) % 2 ** 53
  const ends = [...defaults.eosTokenIds, ...request.stopTokenIds]
  return {
    ...{ doSample, ...call },
    ...(doSample && {
      ...{ temperature, seed },
      topP: request.topP ?? defaults.topP ?? 1,
      topK: request.topK ?? defaults.topK ?? 0,
      minP: request.minP ?? defaults.minP,
    }),
    repetitionPenalty: request.repetitionPenalty ?? defaults.repetitionPenalty,
    ...(grammar !== undefined && { grammar }),
    ...(keptTokenIds.length > 0 && { keptTokenIds }),
    ...(request.stop !== undefined && !readsStops && { stop: request.stop }),
    ...(request.stopTokenIds.length > 0 && { eosTokenId: ends }),
    ...(request.ignoreEos && { ignoreEos: true }),
    presencePenalty: request.presencePenalty,
    frequencyPenalty: request.frequencyPenalty,
    logitBias: request.logitBias,
    logprobs: request.logprobs,
  }
}
