import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import { ChatTemplateError } from './errors.js'
import { strftime } from './strftime.js'

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
  readonly tools: readonly unknown[] | undefined
  readonly documents: readonly unknown[] | undefined
  /** Special tokens and the caller's own variables, which come last and win. */
  readonly variables: { readonly [name: string]: unknown }
  readonly now: Date
}

/** As in Jinja's sandbox: a template cannot allocate at will. */
const MAX_RANGE = 100_000

/** Marks a refusal that the template itself asked for. */
class Refusal extends Error {}

/** Parses a template once; the result renders conversations. Throws ChatTemplateError, now and when rendering. */
export function compileChatTemplate(source: string): (input: ChatTemplateInput) => string {
  const program = parseTemplate(source)
  return (input) => {
    const variables = new Environment(createGlobals(input.now))
    const values = {
      messages: input.messages,
      tools: input.tools ?? null,
      documents: input.documents ?? null,
      add_generation_prompt: input.addGenerationPrompt,
      ...input.variables,
    }
    try {
      for (const [name, value] of Object.entries(values)) variables.set(name, value)
      const result: unknown = new Interpreter(variables).run(program).value
      return String(result)
    } catch (cause) {
      throw renderingFailed(cause)
    }
  }
}

function parseTemplate(source: string): ReturnType<typeof parse> {
  try {
    return parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }))
  } catch (cause) {
    throw new ChatTemplateError(
      'CHAT_TEMPLATE_INVALID',
      `the chat template does not parse: ${messageOf(cause)}`,
      {
        cause,
        hint: 'Compare it with the one in the original repository, or pass another one as chatTemplate.',
      },
    )
  }
}

function createGlobals(now: Date): Environment {
  const globals = new Environment()
  const constants = { true: true, True: true, false: false, False: false, none: null, None: null }
  for (const [name, value] of Object.entries(constants)) globals.set(name, value)
  globals.set('raise_exception', (message: unknown) => {
    throw new Refusal(String(message))
  })
  globals.set('strftime_now', (format: unknown) => strftime(now, String(format)))
  globals.set('range', range)
  return globals
}

/** Python's range. */
function range(first: unknown, second?: unknown, third: unknown = 1): number[] {
  const [start, stop, step] = second === undefined ? [0, first, third] : [first, second, third]
  if (!isWhole(start) || !isWhole(stop) || !isWhole(step) || step === 0) {
    throw new Error('range() takes whole numbers and a step other than 0')
  }
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (length > MAX_RANGE) throw new Error(`range() has ${length} elements, the limit is ${MAX_RANGE}`)
  return Array.from({ length }, (_, index) => start + index * step)
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value)
}

function renderingFailed(cause: unknown): ChatTemplateError {
  return cause instanceof Refusal
    ? new ChatTemplateError(
        'CHAT_TEMPLATE_REFUSED',
        `the chat template refuses this conversation: ${cause.message}`,
        {
          cause,
          hint: 'Change the roles or their order as the message says; some models take no system message.',
        },
      )
    : new ChatTemplateError('CHAT_TEMPLATE_FAILED', `the chat template failed: ${messageOf(cause)}`, {
        cause,
        hint: 'Check that the messages have the fields that this model expects.',
      })
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
