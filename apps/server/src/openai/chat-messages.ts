import { MOST_MESSAGES, type TemplateMessage } from '../generate/render-chat.js'
import { ApiError } from '../http/api-error.js'
import { isDeeperThan, MAX_DEPTH } from '../http/parse-json.js'
import {
  type Fields,
  listOf,
  missing,
  object,
  oneOf,
  optional,
  required,
  text,
  wrongType,
} from '../http/read-body.js'

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'] as const

/**
 * Messages of OpenAI's API as templates read them: texts instead of parts, arguments of calls as objects.
 *
 * @throws ApiError naming the message.
 */
export const readMessages = (body: Fields): readonly TemplateMessage[] =>
  required(body, 'messages', listOf(readMessage, { least: 1, most: MOST_MESSAGES }), 'a list of messages')

function readMessage(value: unknown, path: string): TemplateMessage {
  const fields = object(value, path)
  if (fields.role === 'function') {
    throw new ApiError('unsupported_value', `${path}.role is "function"; use the role "tool"`, {
      param: `${path}.role`,
    })
  }
  const role = required(fields, 'role', oneOf(ROLES), 'the role of the message', path)
  const toolCalls =
    role === 'assistant'
      ? optional(fields, 'tool_calls', listOf(readToolCall, { most: 128 }), path)
      : undefined
  const reasoning =
    role === 'assistant'
      ? (optional(fields, 'reasoning_content', text(), path) ?? optional(fields, 'reasoning', text(), path))
      : undefined
  const names = Object.entries(fields).filter(
    ([name, other]) => typeof other === 'string' && !READ.has(name) && /^\w{1,64}$/.test(name),
  )
  return {
    ...Object.fromEntries(names),
    role,
    content: readContent(fields, path, toolCalls !== undefined),
    ...(toolCalls !== undefined && { tool_calls: toolCalls }),
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
  }
}

const READ = new Set(['role', 'content', 'tool_calls', 'reasoning', 'reasoning_content'])

/** Null where an assistant only calls tools. */
function readContent(fields: Fields, path: string, hasCalls: boolean): string | null {
  const where = `${path}.content`
  const { content } = fields
  if (content === undefined || content === null) {
    if (hasCalls) return null
    throw missing(where, 'a text')
  }
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) throw wrongType(content, where, 'a text, or a list of parts')
  return content.map((part, index) => readPart(part, `${where}[${index}]`)).join('\n')
}

function readPart(value: unknown, path: string): string {
  const fields = object(value, path)
  const type = required(fields, 'type', text(), 'the type of the part', path)
  if (type === 'text') return required(fields, 'text', text(), 'a text', path)
  if (type === 'refusal') return required(fields, 'refusal', text(), 'a text', path)
  throw new ApiError(
    'unsupported_content',
    `${path} is no text; this server reads texts, and fetches nothing`,
    {
      param: path,
    },
  )
}

/** Templates write the arguments of a call themselves, so that they are given them as an object. */
function readToolCall(value: unknown, path: string): Fields {
  const fields = object(value, path)
  const called = required(fields, 'function', object, 'the function that was called', path)
  const where = `${path}.function`
  const name = required(called, 'name', text({ least: 1, most: 256 }), 'the name of the function', where)
  const json = required(called, 'arguments', text(), 'the arguments as JSON', where)
  return {
    ...(typeof fields.id === 'string' && { id: fields.id }),
    type: 'function',
    function: { name, arguments: parseArguments(json, `${where}.arguments`) },
  }
}

/** The body that holds this text was bounded with the text closed: what is in it is bounded here. */
function parseArguments(json: string, path: string): Fields {
  if (json.trim() === '') return {}
  const wrong = (what: string) => new ApiError('invalid_value', `${path} ${what}`, { param: path })
  if (isDeeperThan(Buffer.from(json), MAX_DEPTH)) throw wrong(`nests deeper than ${MAX_DEPTH} levels`)
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw wrong('is no valid JSON')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw wrong('is no JSON object, expected the arguments by their names')
}
