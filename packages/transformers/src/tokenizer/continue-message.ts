import { trim } from '../jinja/index.js'
import type { ChatMessage } from './chat-template.js'
import { ChatTemplateError } from './errors.js'

/** Stands behind the text of the last message while the template is rendered; the space shows whether it trims. */
const MARK = 'CONTINUE_FINAL_MESSAGE_TAG '

interface MarkedConversation {
  readonly messages: readonly ChatMessage[]
  /** The rendered conversation up to the end of the text of the last message. Throws ChatTemplateError. */
  cut(rendered: string): string
}

/**
 * `continue_final_message` of transformers: the prompt ends with the text of the last message, whatever the template
 * writes behind it. White space at the end of the text stays if the template keeps it.
 *
 * @throws ChatTemplateError when the last message has no text, or the template does not write it.
 */
export function markFinalMessage(messages: readonly ChatMessage[], template: string): MarkedConversation {
  const last = messages.at(-1)!
  const { text, content } = markContent(last.content, messages.length - 1)
  if (!template.includes('content')) throw cannotContinue('the chat template reads no content of messages')
  return {
    messages: [...messages.slice(0, -1), { ...last, content }],
    cut(rendered) {
      const end = rendered.lastIndexOf(MARK.trimEnd())
      if (end < 0 || !rendered.includes(trim(text))) {
        throw cannotContinue('the chat template does not write the whole text of the last message')
      }
      const before = rendered.slice(0, end)
      return rendered.startsWith(MARK, end) ? before : trim(before, 'end')
    },
  }
}

/** The text of a message, and its content with the mark: a text itself, or the last part with a text. */
function markContent(content: unknown, index: number): { readonly text: string; readonly content: unknown } {
  if (typeof content === 'string') return { text: content, content: content + MARK }
  const parts: readonly unknown[] = Array.isArray(content) ? content : []
  const at = parts.findLastIndex((part) => typeof part === 'object' && part !== null && 'text' in part)
  const part = parts[at] as { readonly text: unknown } | undefined
  if (typeof part?.text !== 'string') throw cannotContinue(`messages[${index}] has no text`)
  return { text: part.text, content: parts.with(at, { ...part, text: part.text + MARK }) }
}

function cannotContinue(reason: string): ChatTemplateError {
  return new ChatTemplateError(
    'CHAT_CONTINUE_IMPOSSIBLE',
    `the last message cannot be continued: ${reason}`,
    {
      field: 'continueFinalMessage',
      hint: 'Pass a last message whose content is the beginning of the answer, or leave out continueFinalMessage.',
    },
  )
}
