import { MOST_MESSAGES, type TemplateMessage } from '../generate/render-chat.js'
import { ApiError } from '../http/api-error.js'
import { type Fields, listOf, object, oneOf, optional, required, text } from '../http/read-body.js'

const ROLES = ['system', 'user', 'assistant', 'tool'] as const

/** A call in a message, as a template reads it. */
interface TemplateCall {
  readonly id?: string
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: Fields }
}

/**
 * Messages of Ollama's API as templates read them.
 *
 * @throws ApiError naming the message.
 */
export const readOllamaMessages = (body: Fields): readonly TemplateMessage[] =>
  withCallIds(optional(body, 'messages', listOf(readMessage, { most: MOST_MESSAGES })) ?? [])

/** @param path of what may hold images; empty for the request itself. */
export function refuseImages(fields: Fields, path = ''): void {
  const images = optional(fields, 'images', listOf(text()), path) ?? []
  if (images.length === 0) return
  const where = path === '' ? 'images' : `${path}.images`
  throw new ApiError('unsupported_content', `${where} is not empty; this server reads texts`, {
    param: where,
  })
}

function readMessage(value: unknown, path: string): TemplateMessage {
  const fields = object(value, path)
  const role = required(fields, 'role', oneOf(ROLES), 'the role of the message', path)
  refuseImages(fields, path)
  const words = (name: string) => optional(fields, name, text(), path)
  const content = words('content') ?? ''
  if (role === 'tool') {
    const [name, id] = [words('tool_name'), words('tool_call_id')]
    return { role, content, ...(name !== undefined && { name }), ...(id && { tool_call_id: id }) }
  }
  if (role !== 'assistant') return { role, content }
  const calls = optional(fields, 'tool_calls', listOf(readCall, { most: 128 }), path) ?? []
  const thinking = words('thinking')
  return {
    role,
    content: content === '' && calls.length > 0 ? null : content,
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(thinking && { reasoning_content: thinking }),
  }
}

function readCall(value: unknown, path: string): TemplateCall {
  const fields = object(value, path)
  const called = required(fields, 'function', object, 'the function that was called', path)
  const where = `${path}.function`
  const id = optional(fields, 'id', text({ most: 256 }), path)
  return {
    ...(id && { id }),
    type: 'function',
    function: {
      name: required(called, 'name', text({ least: 1, most: 256 }), 'the name of the function', where),
      arguments: optional(called, 'arguments', object, where) ?? {},
    },
  }
}

/**
 * Some templates demand ids of calls, and of the answers of tools, which Ollama's clients need not send: calls are numbered,
 * and answered in their order, or by their names.
 */
function withCallIds(messages: readonly TemplateMessage[]): readonly TemplateMessage[] {
  let count = 0
  let open: (TemplateCall & { readonly id: string })[] = []
  return messages.map((message) => {
    if (message.tool_calls !== undefined) {
      const calls = message.tool_calls as readonly TemplateCall[]
      // Nine letters and digits: what the template of Mistral insists on.
      open = calls.map((call) => ({ ...call, id: call.id ?? `call${String(count++).padStart(5, '0')}` }))
      return { ...message, tool_calls: [...open] }
    }
    if (message.role !== 'tool' || open.length === 0) return message
    const { tool_call_id: id = answered(open, message.name).id } = message
    open = open.filter((call) => call.id !== id)
    return { ...message, tool_call_id: id }
  })
}

const answered = <Call extends TemplateCall>(open: readonly Call[], name: unknown): Call =>
  open.find((call) => call.function.name === name) ?? open[0]!
