import { type GrammarSource, reasoningVariables } from 'hfquant'
import { type Conversation, continued } from '../generate/render-chat.js'
import { ApiError } from '../http/api-error.js'
import { bodyOf, type Fields, object, optional, required, text, truth, whole } from '../http/read-body.js'
import { readLogprobs } from '../openai/chat-request.js'
import { unknownFields } from '../openai/fields.js'
import { type GenerationRequest, keepAlive, readSampling, UNSAID } from '../openai/generation-request.js'
import { readSchema } from '../openai/response-format.js'
import { readToolList, toolUse } from '../openai/tool-fields.js'
import { readOllamaMessages, refuseImages } from './ollama-messages.js'

/** A checked request of Ollama's API for an answer. */
export interface OllamaRequest extends GenerationRequest {
  /** True where nothing is asked: the model is only loaded, or unloaded. */
  readonly asksNothing: boolean
  /** Names of fields and options that nobody knows. */
  readonly ignored: readonly string[]
}

export interface OllamaChatRequest extends OllamaRequest, Conversation {}

export interface OllamaGenerateRequest extends OllamaRequest {
  readonly prompt: string
  /** The message of the system that comes before it. */
  readonly system: string | undefined
  /** True for a prompt that no template writes. */
  readonly raw: boolean
  /** Variables of the template. */
  readonly variables: Fields
}

const OPTIONS = [
  ...['num_predict', 'temperature', 'top_k', 'top_p', 'min_p', 'seed', 'stop'],
  ...['repeat_penalty', 'presence_penalty', 'frequency_penalty'],
]
const FIELDS = ['model', 'stream', 'format', 'options', 'keep_alive', 'think', 'logprobs', 'top_logprobs']
const CHAT_FIELDS = [...FIELDS, 'messages', 'tools']
const GENERATE_FIELDS = [...FIELDS, 'prompt', 'system', 'raw', 'images', 'suffix', 'template', 'context']

/** @throws ApiError or ToolsError, naming the field. */
export function readOllamaChat(raw: unknown): OllamaChatRequest {
  const body = bodyOf(raw)
  const messages = readOllamaMessages(body)
  const tools = toolUse(readToolList(body))
  return {
    ...readRequest(body, CHAT_FIELDS, { promptField: 'messages', tools }),
    ...continued({ messages, tools, variables: readThink(body) }),
    asksNothing: messages.length === 0,
  }
}

/** What is offered in place of a field that would change the answer; a field that is empty asks for nothing. */
const INSTEAD: Readonly<Record<string, string>> = {
  suffix: 'a prompt that ends where the answer is to begin',
  template: '--chat-template when the server is started',
  context: '/api/chat with the messages so far',
}

/** @throws ApiError naming the field. */
export function readOllamaGenerate(raw: unknown): OllamaGenerateRequest {
  const body = bodyOf(raw)
  for (const [name, instead] of Object.entries(INSTEAD)) {
    const value = body[name] as { readonly length?: unknown } | null | undefined
    if (value == null || value.length === 0) continue
    throw new ApiError('unsupported_field', `${name} is not offered; use ${instead}`, { param: name })
  }
  refuseImages(body)
  const prompt = optional(body, 'prompt', text()) ?? ''
  const isRaw = optional(body, 'raw', truth) ?? false
  return {
    ...readRequest(body, GENERATE_FIELDS, { promptField: isRaw ? 'prompt' : 'messages', tools: undefined }),
    ...{ prompt, raw: isRaw, asksNothing: prompt === '', variables: readThink(body) },
    // An empty one is what clients send that have none.
    system: optional(body, 'system', text()) || undefined,
  }
}

function readRequest(
  body: Fields,
  known: readonly string[],
  own: Pick<GenerationRequest, 'promptField' | 'tools'>,
): Omit<OllamaRequest, 'asksNothing'> {
  const path = 'options'
  const options = optional(body, path, object) ?? {}
  const most = optional(options, 'num_predict', whole(-2), path)
  const sampling = readSampling(options, { path, repetitionPenalty: 'repeat_penalty' })
  return {
    ...{ ...UNSAID, ...own, ...sampling },
    model: required(body, 'model', text({ most: 256 }), 'the name of a model'),
    stream: optional(body, 'stream', truth) ?? true,
    // As many as there is room for, where it is no number of tokens.
    maxTokens: most === undefined || most > 0 ? most : Number.MAX_SAFE_INTEGER,
    // Seeds below 0 are Ollama's word for none.
    ...(Number(options.seed) < 0 && { seed: undefined }),
    keepAlive: optional(body, 'keep_alive', keepAlive),
    logprobs: readLogprobs(body),
    responseFormat: readFormat(body),
    ignored: [...unknownFields(body, known), ...unknownFields(options, OPTIONS)],
  }
}

/** `"json"`, or a schema. */
function readFormat(body: Fields): GrammarSource | undefined {
  const { format } = body
  if (format == null || format === '') return undefined
  if (format === 'json') return { type: 'json_object' }
  if (typeof format !== 'string') return { type: 'json_schema', schema: readSchema(body, 'format') }
  throw new ApiError('unsupported_value', 'format is not offered; use "json" or a JSON schema', {
    param: 'format',
  })
}

/** What templates read: whether to think, or how much. */
function readThink(body: Fields): Fields {
  const think = optional(body, 'think', (value, path) =>
    typeof value === 'string' ? text({ most: 64 })(value, path) : truth(value, path),
  )
  if (think === undefined) return {}
  return typeof think === 'string' ? reasoningVariables(think) : { enable_thinking: think }
}
