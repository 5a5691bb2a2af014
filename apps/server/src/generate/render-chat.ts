import type { ToolUse } from 'hfquant'
import type { Fields } from '../http/read-body.js'
import type { LoadedDecoder } from '../models/loaded-model.js'
import type { EncodedPrompt } from '../text/protocol.js'

/** A message as a template reads it. */
export interface TemplateMessage {
  readonly role: string
  readonly [field: string]: unknown
}

/** Messages of a conversation at most. */
export const MOST_MESSAGES = 2048

/** What the template of a model is given. */
export interface Conversation {
  readonly messages: readonly TemplateMessage[]
  readonly addGenerationPrompt: boolean
  readonly continueFinalMessage: boolean
  /** Variables of the template. */
  readonly variables: Fields
  /** Undefined: no function may be called. */
  readonly tools: ToolUse | undefined
}

/** A conversation whose last message, if it is one of the assistant, is the beginning of the answer. */
export function continued({
  messages,
  variables,
  tools,
}: Pick<Conversation, 'messages' | 'variables' | 'tools'>): Conversation {
  const continueFinalMessage = messages.at(-1)?.role === 'assistant'
  return {
    ...{ messages, variables, tools, continueFinalMessage },
    addGenerationPrompt: !continueFinalMessage,
  }
}

/**
 * The tokens of a conversation, made in a thread of their own.
 *
 * @param run `runUnqueued` where no queue bounds the requests.
 */
export const renderChat = (
  { texts, chatTemplate }: LoadedDecoder,
  { messages, addGenerationPrompt, continueFinalMessage, variables, tools }: Conversation,
  run = texts.run,
): Promise<EncodedPrompt> =>
  run({
    ...{ kind: 'chat', addGenerationPrompt, continueFinalMessage, variables, tools: tools?.tools },
    messages: forTemplate(messages, chatTemplate),
  })

/** Messages of the developer are system messages for a template that does not write them. */
const forTemplate = (
  messages: readonly TemplateMessage[],
  template: string | undefined,
): readonly TemplateMessage[] =>
  template?.includes('developer') === true
    ? messages
    : messages.map((message) => (message.role === 'developer' ? { ...message, role: 'system' } : message))
