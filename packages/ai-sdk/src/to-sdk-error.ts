import {
  InvalidArgumentError,
  InvalidPromptError,
  NoSuchModelError,
  UnsupportedFunctionalityError,
} from '@ai-sdk/provider'
import { GrammarError, HfquantError } from 'hfquant'

/** What a model was asked for. */
export interface ModelSubject {
  readonly modelId: string
  readonly modelType: 'languageModel' | 'embeddingModel'
  readonly settings: object
}

/** What a call of a model says. */
export interface CallSubject {
  /** Texts or messages. */
  readonly prompt: unknown
  /** Names and values that the caller has given. */
  readonly given: object
}

const NO_MODEL = new Set([
  'MODEL_FOLDER_MISSING',
  'CONFIG_MISSING',
  'MODEL_ID_INVALID',
  'MODEL_TYPE',
  'MODEL_CLASS',
  'HUB_NOT_FOUND',
  'HUB_NOT_CACHED',
  'HUB_NOT_A_MODEL',
])

const OF_PROMPT = new Set([
  'PROMPT_TOO_LONG',
  'TEXT_TOO_LONG',
  'CHAT_TEMPLATE_REFUSED',
  'CHAT_TEMPLATE_FAILED',
  'CHAT_MESSAGES_INVALID',
])

/** What a model cannot do, by the error that says so. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  CHAT_TEMPLATE_MISSING: 'conversations',
  TOKENIZER_MISSING: 'texts',
  TOOL_FORMAT_UNKNOWN: 'tools',
}

/** What the AI SDK, or this provider, calls options of the library. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  maxNewTokens: 'maxOutputTokens',
  stop: 'stopSequences',
  recipe: 'quantize',
}

/**
 * Errors of loading that are about what the caller said become those of the AI SDK, with the library's as their cause; all others
 * stay what they are, such as broken files or too little memory.
 */
export function toModelError(error: unknown, { modelId, modelType, settings }: ModelSubject): unknown {
  if (!HfquantError.isInstance(error)) return error
  if (!NO_MODEL.has(error.code)) return invalidArgument(error, settings) ?? error
  return caused(new NoSuchModelError({ modelId, modelType, message: messageOf(error) }), error)
}

/** The same of errors of a call: an ended thread, for one, and the reason of a signal stay what they are. */
export function toCallError(error: unknown, { prompt, given }: CallSubject): unknown {
  if (!HfquantError.isInstance(error)) return error
  const message = messageOf(error)
  if (OF_PROMPT.has(error.code)) return new InvalidPromptError({ prompt, message, cause: error })
  const functionality = functionalityOf(error)
  if (functionality === undefined) return invalidArgument(error, given) ?? error
  return caused(new UnsupportedFunctionalityError({ functionality, message }), error)
}

/** Undefined for an error about something else. */
function functionalityOf(error: HfquantError): string | undefined {
  if (Object.hasOwn(UNSUPPORTED, error.code)) return UNSUPPORTED[error.code]
  return GrammarError.isInstance(error) ? 'the schema' : undefined
}

/** Undefined for an error about a field that is none of the caller's: of a file, for example. */
function invalidArgument(error: HfquantError, given: object): InvalidArgumentError | undefined {
  const [field = ''] = (error.field ?? '').split(/[.[]/)
  const name = Object.hasOwn(ARGUMENTS, field) ? ARGUMENTS[field]! : field
  if (error.file !== undefined || !Object.hasOwn(given, name)) return undefined
  const argument = name === field ? error.field! : name
  return new InvalidArgumentError({ argument, message: messageOf(error), cause: error })
}

const messageOf = ({ message, hint }: HfquantError): string =>
  hint === undefined ? message : `${message}. ${hint}`

/** Not every error of the AI SDK takes its cause. */
const caused = <Failure extends Error>(failure: Failure, cause: HfquantError): Failure =>
  Object.assign(failure, { cause })
