import { reasoningVariables } from 'hfquant'
import type { Conversation } from '../generate/render-chat.js'
import { ApiError } from '../http/api-error.js'
import { bodyOf, type Fields, object, optional, text, truth, whole } from '../http/read-body.js'
import { readMessages } from './chat-messages.js'
import { sortFields } from './fields.js'
import { GENERATION_FIELDS, type GenerationRequest, readGeneration } from './generation-request.js'
import { readTools } from './tool-fields.js'

/** A checked request for a chat completion. */
export interface ChatRequest extends GenerationRequest, Conversation {
  /** Names of fields that nobody knows. */
  readonly ignored: readonly string[]
}

/** Fields that the chat route reads. */
export const CHAT_FIELDS = [
  ...GENERATION_FIELDS,
  'messages',
  'max_completion_tokens',
  'top_logprobs',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'reasoning_effort',
  'chat_template_kwargs',
  'add_generation_prompt',
  'continue_final_message',
] as const

/** @throws ApiError naming the field. */
export function readChatRequest(raw: unknown): ChatRequest {
  const body = bodyOf(raw)
  const ignored = sortFields(body, CHAT_FIELDS)
  const maxTokens =
    optional(body, 'max_completion_tokens', whole(1)) ?? optional(body, 'max_tokens', whole(1))
  const conversation = readConversation(body)
  return {
    ...readGeneration(body, {
      ...{ promptField: 'messages', maxTokens },
      ...{ logprobs: readLogprobs(body), tools: conversation.tools },
    }),
    ...conversation,
    ignored,
  }
}

/** What is written out by the template: the same for a chat and for its tokens. */
export function readConversation(body: Fields): Conversation {
  const messages = readMessages(body)
  const continueFinalMessage = optional(body, 'continue_final_message', truth) ?? false
  const asked = optional(body, 'add_generation_prompt', truth)
  if (continueFinalMessage && asked === true) {
    throw new ApiError('invalid_value', 'add_generation_prompt and continue_final_message are both true', {
      param: 'continue_final_message',
    })
  }
  if (continueFinalMessage && messages.at(-1)?.role !== 'assistant') {
    throw new ApiError(
      'invalid_value',
      'continue_final_message is true and the last message is none of the assistant',
      {
        param: 'continue_final_message',
      },
    )
  }
  return {
    ...{ messages, continueFinalMessage, tools: readTools(body) },
    addGenerationPrompt: asked ?? !continueFinalMessage,
    variables: readVariables(body),
  }
}

/** Variables that the server sets itself. */
const RESERVED = ['messages', 'tools', 'documents', 'add_generation_prompt']
const MOST_VARIABLES = 16 * 1024

function readVariables(body: Fields): Fields {
  const path = 'chat_template_kwargs'
  const variables = optional(body, path, object) ?? {}
  const reserved = RESERVED.find((name) => Object.hasOwn(variables, name))
  if (reserved !== undefined) {
    throw new ApiError('invalid_value', `${path} sets ${reserved}, which is a field of its own`, {
      param: path,
    })
  }
  if (JSON.stringify(variables).length > MOST_VARIABLES) {
    throw new ApiError('invalid_value', `${path} has more than ${MOST_VARIABLES} characters`, { param: path })
  }
  const effort = optional(body, 'reasoning_effort', text({ most: 64 }))
  if (effort === undefined) return variables
  return { ...variables, ...reasoningVariables(effort) }
}

/** Likeliest tokens that are told in place of each one; undefined: no log-probabilities. */
export function readLogprobs(body: Fields): number | undefined {
  const wanted = optional(body, 'logprobs', truth) ?? false
  const top = optional(body, 'top_logprobs', whole(0, 20))
  if (top !== undefined && !wanted) {
    throw new ApiError('invalid_value', 'top_logprobs is given and logprobs is not true', {
      param: 'top_logprobs',
    })
  }
  return wanted ? (top ?? 0) : undefined
}
