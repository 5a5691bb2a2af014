import {
  bodyOf,
  type Fields,
  listOf,
  missing,
  optional,
  type Read,
  text,
  tokenIds,
  truth,
  whole,
  wrongType,
  wrongValue,
} from '../http/read-body.js'
import { sortFields } from './fields.js'
import { GENERATION_FIELDS, type GenerationRequest, readGeneration } from './generation-request.js'

/** A text, or tokens that are used as they are. */
export type PromptInput = string | readonly number[]

/** A checked request for completions. */
export interface CompletionRequest extends GenerationRequest {
  readonly prompts: readonly PromptInput[]
  readonly addSpecialTokens: boolean
  readonly echo: boolean
  readonly ignored: readonly string[]
}

/** Fields that the route reads. */
const COMPLETION_FIELDS = [...GENERATION_FIELDS, 'prompt', 'echo', 'add_special_tokens']

const DEFAULT_MAX_TOKENS = 16
const MOST_CHOICES = 64

/** @throws ApiError naming the field. */
export function readCompletionRequest(raw: unknown): CompletionRequest {
  const body = bodyOf(raw)
  const ignored = sortFields(body, COMPLETION_FIELDS)
  const echo = optional(body, 'echo', truth) ?? false
  const logprobs = optional(body, 'logprobs', whole(0, 5))
  const scoresPrompt = echo && logprobs !== undefined
  const maxTokens = optional(body, 'max_tokens', whole(scoresPrompt ? 0 : 1)) ?? DEFAULT_MAX_TOKENS
  const generation = readGeneration(body, {
    ...{ promptField: 'prompt', maxTokens, logprobs, scoresPrompt, tools: undefined },
  })
  const prompts = readPrompts(body)
  if (prompts.length * generation.n > MOST_CHOICES) {
    throw wrongValue(
      `${prompts.length} prompts`,
      'prompt',
      `${MOST_CHOICES} answers at most, prompts times n`,
    )
  }
  return {
    ...generation,
    ...{ prompts, echo, ignored },
    addSpecialTokens: optional(body, 'add_special_tokens', truth) ?? true,
  }
}

const ids = tokenIds({ least: 1 })

const prompt: Read<PromptInput> = (value, path) =>
  typeof value === 'string' ? text()(value, path) : ids(value, path)

function readPrompts(body: Fields): readonly PromptInput[] {
  const value = body.prompt ?? undefined
  if (value === undefined) throw missing('prompt', 'a text, token ids, or a list of either')
  if (typeof value === 'string') return [value]
  if (!Array.isArray(value)) throw wrongType(value, 'prompt', 'a text, token ids, or a list of either')
  if (typeof value[0] === 'number') return [ids(value, 'prompt')]
  return listOf(prompt, { least: 1, most: MOST_CHOICES })(value, 'prompt')
}
