import { type Conversation, MOST_MESSAGES, type TemplateMessage } from '../generate/render-chat.js'
import { ApiError } from '../http/api-error.js'
import {
  bodyOf,
  type Fields,
  listOf,
  number,
  object,
  oneOf,
  optional,
  required,
  text,
  truth,
  whole,
  wrongType,
} from '../http/read-body.js'
import { unknownFields } from '../openai/fields.js'
import { type GenerationRequest, UNSAID } from '../openai/generation-request.js'
import { readMessageTools, readOutputFormat } from './message-tools.js'

/** A checked request of Anthropic's Messages API. */
export interface MessagesRequest extends GenerationRequest, Pick<Conversation, 'messages' | 'variables'> {
  /** Names of fields that nobody knows. */
  readonly ignored: readonly string[]
}

/** Fields that are read, and those that change nothing. */
const KNOWN = [
  ...[
    'model',
    'max_tokens',
    'messages',
    'system',
    'stop_sequences',
    'temperature',
    'top_p',
    'top_k',
    'stream',
  ],
  ...['tools', 'tool_choice', 'thinking', 'metadata', 'cache_control', 'service_tier', 'inference_geo'],
  'output_config',
]
/** Fields that would change the answer. */
const REFUSED = ['container', 'mcp_servers', 'context_management', 'output_format', 'betas']

/**
 * @param counts true for counting tokens, where no answer is asked for.
 * @throws ApiError naming the field.
 */
export function readMessagesRequest(raw: unknown, counts = false): MessagesRequest {
  const body = bodyOf(raw)
  const refused = REFUSED.find((name) => body[name] != null)
  if (refused !== undefined) {
    throw new ApiError('unsupported_field', `${refused} is not offered; leave it out`, { param: refused })
  }
  const system = body.system == null ? [] : [{ role: 'system', content: readTexts(body.system, 'system') }]
  const turns = required(
    body,
    'messages',
    listOf(readTurn, { least: 1, most: MOST_MESSAGES }),
    'a list of messages',
  )
  const maxTokens = counts
    ? optional(body, 'max_tokens', whole(1))
    : required(body, 'max_tokens', whole(1), 'how many tokens the answer may have')
  return {
    ...{ ...UNSAID, promptField: 'messages', maxTokens },
    ...{ responseFormat: readOutputFormat(body), tools: readMessageTools(body) },
    model: required(body, 'model', text({ most: 256 }), 'the name of a model'),
    temperature: optional(body, 'temperature', number({ least: 0, most: 1 })),
    topP: optional(body, 'top_p', number({ least: 0, most: 1 })),
    topK: optional(body, 'top_k', whole(0)),
    stop: optional(body, 'stop_sequences', listOf(text({ least: 1, most: 256 }), { most: 16 })),
    stream: optional(body, 'stream', truth) ?? false,
    messages: [...system, ...turns.flat()],
    variables: readThinking(body),
    ignored: unknownFields(body, KNOWN),
  }
}

function readThinking(body: Fields): Fields {
  const thinking = optional(body, 'thinking', object)
  if (thinking === undefined) return {}
  const type = required(
    thinking,
    'type',
    oneOf(['enabled', 'adaptive', 'disabled']),
    'the kind of thinking',
    'thinking',
  )
  return { enable_thinking: type !== 'disabled' }
}

/** One turn; results of tools are messages of their own to a template. */
function readTurn(value: unknown, path: string): readonly TemplateMessage[] {
  const fields = object(value, path)
  const role = required(
    fields,
    'role',
    oneOf(['user', 'assistant', 'system']),
    'the role of the message',
    path,
  )
  const where = `${path}.content`
  const { content } = fields
  if (typeof content === 'string') return [{ role, content }]
  if (!Array.isArray(content)) throw wrongType(content, where, 'a text, or a list of blocks')
  const blocks = content.map((block, index) => readBlock(block, `${where}[${index}]`, role))
  const texts = blocks.flatMap(({ text: part }) => (part === undefined ? [] : [part]))
  const calls = blocks.flatMap(({ call }) => (call === undefined ? [] : [call]))
  const thoughts = blocks.flatMap(({ thought }) => (thought === undefined ? [] : [thought]))
  const results = blocks.flatMap(({ result }) => (result === undefined ? [] : [result]))
  const isTurn = texts.length > 0 || calls.length > 0 || results.length === 0
  const turn = {
    role,
    content: texts.length === 0 && calls.length > 0 ? null : texts.join('\n'),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(thoughts.length > 0 && { reasoning_content: thoughts.join('\n') }),
  }
  return [...results, ...(isTurn ? [turn] : [])]
}

interface Block {
  readonly text?: string
  readonly thought?: string
  readonly call?: Fields
  readonly result?: TemplateMessage
}

function readBlock(value: unknown, path: string, role: string): Block {
  const fields = object(value, path)
  const type = required(fields, 'type', text(), 'the type of the block', path)
  const words = (name: string) => required(fields, name, text(), 'a text', path)
  if (type === 'text') return { text: words('text') }
  if (type === 'thinking' && role === 'assistant') return { thought: words('thinking') }
  if (type === 'redacted_thinking' && role === 'assistant') return {}
  if (type === 'tool_use' && role === 'assistant') {
    const input = optional(fields, 'input', object, path) ?? {}
    return {
      call: { id: words('id'), type: 'function', function: { name: words('name'), arguments: input } },
    }
  }
  if (type === 'tool_result' && role === 'user') {
    const content = fields.content == null ? '' : readTexts(fields.content, `${path}.content`)
    return { result: { role: 'tool', tool_call_id: words('tool_use_id'), content } }
  }
  throw new ApiError(
    'unsupported_content',
    `${path} is no block that this server reads: text, tool_use, tool_result, thinking`,
    {
      param: path,
    },
  )
}

/** A text, or blocks of text. */
function readTexts(value: unknown, path: string): string {
  if (typeof value === 'string') return value
  const blocks = listOf((block, where) => {
    const { text: part } = readBlock(block, where, 'text')
    if (part !== undefined) return part
    throw new ApiError('unsupported_content', `${where} is no block of text`, { param: where })
  })(value, path)
  return blocks.join('\n')
}
