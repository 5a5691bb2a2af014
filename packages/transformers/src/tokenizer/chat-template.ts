import { compileTemplate, TemplateFailure } from '../jinja/index.js'
import { markFinalMessage } from './continue-message.js'
import { ChatTemplateError } from './errors.js'

/** One turn of a conversation; templates may read further fields (name, tool_calls, …). */
export interface ChatMessage {
  readonly role: string
  readonly content?: unknown
  readonly [field: string]: unknown
}

/** What a template is rendered with. */
export interface ChatTemplateInput {
  readonly messages: readonly ChatMessage[]
  readonly addGenerationPrompt: boolean
  readonly continueFinalMessage: boolean
  readonly tools: readonly unknown[] | undefined
  readonly documents: readonly unknown[] | undefined
  /** Special tokens and the caller's own variables, which come last and win. */
  readonly variables: { readonly [name: string]: unknown }
  readonly now: Date
}

/** Parses a template once; the result renders conversations. Throws ChatTemplateError, now and when rendering. */
export function compileChatTemplate(source: string): (input: ChatTemplateInput) => string {
  const render = compileOrThrow(source)
  return (input) => {
    const marked = input.continueFinalMessage ? markFinalMessage(input.messages, source) : undefined
    const messages = marked?.messages ?? input.messages
    const variables = {
      messages,
      tools: input.tools ?? null,
      documents: input.documents ?? null,
      add_generation_prompt: input.addGenerationPrompt,
      ...input.variables,
    }
    const result = render({ variables, now: input.now })
    if ('failure' in result) throw renderingFailed(result.failure, placeOf(result.inUse, messages))
    return marked === undefined ? result.text : marked.cut(result.text)
  }
}

function compileOrThrow(source: string): ReturnType<typeof compileTemplate> {
  try {
    return compileTemplate(source)
  } catch (cause) {
    if (!(cause instanceof TemplateFailure)) throw cause
    throw new ChatTemplateError(
      'CHAT_TEMPLATE_INVALID',
      `the chat template does not parse, line ${cause.line}: ${cause.message}`,
      {
        cause,
        hint: 'Compare it with the one in the original repository, or pass another one as chatTemplate.',
      },
    )
  }
}

/** The message that the template was at, as `messages[index]`. */
function placeOf(inUse: readonly object[], messages: readonly object[]): string | undefined {
  const index = inUse.map((value) => messages.indexOf(value)).find((at) => at >= 0)
  return index === undefined ? undefined : `messages[${index}]`
}

function renderingFailed(cause: TemplateFailure, field: string | undefined): ChatTemplateError {
  const where = [field, cause.line && `line ${cause.line}`].filter(Boolean).join(', ')
  const place = where === '' ? '' : ` (at ${where})`
  return cause.kind === 'refused'
    ? new ChatTemplateError(
        'CHAT_TEMPLATE_REFUSED',
        `the chat template refuses this conversation${place}: ${cause.message}`,
        {
          cause,
          field,
          hint: 'Change the roles or their order as the message says; some models take no system message.',
        },
      )
    : new ChatTemplateError('CHAT_TEMPLATE_FAILED', `the chat template failed${place}: ${cause.message}`, {
        cause,
        field,
        hint: 'Check that the messages have the fields that this model expects.',
      })
}
