import { UnsupportedFunctionalityError } from '@ai-sdk/provider'
import type { PromptMessage, PromptPart, ToolResultPart } from './call-options.js'

/** A message as a chat template reads it. */
export interface TemplateMessage {
  readonly role: string
  readonly content: string | null
  readonly [field: string]: unknown
}

/**
 * Messages of the AI SDK as chat templates know them: one text each, calls of the assistant in a field of their own, and a message
 * for each result.
 *
 * @throws UnsupportedFunctionalityError for parts that are no text.
 */
export const readPrompt = (prompt: readonly PromptMessage[]): readonly TemplateMessage[] =>
  prompt.flatMap(({ role, content }, index) => {
    const where = `prompt[${index}]`
    if (typeof content === 'string') return [{ role, content }]
    if (role === 'tool') return content.map((part) => readToolResult(part, where))
    if (role === 'assistant') return [readAssistant(content, where)]
    return [{ role, content: joined(content.map((part) => textOf(part, where))) }]
  })

const joined = (texts: readonly string[]): string => texts.join('\n')

function textOf(part: PromptPart, where: string): string {
  if (part.type === 'text') return part.text
  throw unsupported(part.type, where)
}

function readAssistant(parts: readonly PromptPart[], where: string): TemplateMessage {
  const texts: string[] = []
  const reasoning: string[] = []
  const calls: object[] = []
  for (const part of parts) {
    if (part.type === 'reasoning') reasoning.push(part.text)
    else if (part.type === 'tool-call' && part.providerExecuted !== true) {
      const { toolCallId: id, toolName: name, input } = part
      calls.push({ id, type: 'function', function: { name, arguments: input } })
    } else texts.push(textOf(part, where))
  }
  return {
    role: 'assistant',
    // What templates expect of a message that only calls tools.
    content: texts.length === 0 && calls.length > 0 ? null : joined(texts),
    ...(reasoning.length > 0 && { reasoning_content: joined(reasoning) }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
}

function readToolResult(part: PromptPart, where: string): TemplateMessage {
  if (part.type !== 'tool-result') throw unsupported(part.type, where)
  const { toolCallId, toolName } = part
  return { role: 'tool', name: toolName, tool_call_id: toolCallId, content: readOutput(part, where) }
}

function readOutput({ output }: ToolResultPart, where: string): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value
    case 'json':
    case 'error-json':
      return JSON.stringify(output.value)
    case 'execution-denied':
      return output.reason ?? 'The call was not allowed.'
    case 'content':
      return joined(
        output.value.map(({ type, text }) => {
          if (type === 'text' && text !== undefined) return text
          throw unsupported(type, where)
        }),
      )
  }
}

const unsupported = (type: string, where: string): UnsupportedFunctionalityError =>
  new UnsupportedFunctionalityError({
    functionality: `parts of type ${type}`,
    message: `${where} has a part of type "${type}", and models of hfquant read texts only. Leave it out, or pass its text.`,
  })
