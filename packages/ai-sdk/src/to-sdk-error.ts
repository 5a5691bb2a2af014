import {
  InvalidArgumentError,
  InvalidPromptError,
  NoSuchModelError,
  UnsupportedFunctionalityError,
} from '@ai-sdk/provider'
import { ConfigError, HfquantError } from 'hfquant'

/** What a call was about. */
export interface CallSubject {
  readonly modelId: string
  readonly modelType: 'languageModel' | 'embeddingModel'
  readonly prompt: unknown
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
  SCHEMA_UNSUPPORTED: 'the schema',
  GRAMMAR_TOO_COMPLEX: 'the schema',
}

/**
 * Errors about what a caller said become those of the AI SDK, with the library's as their cause; all others stay what they are:
 * broken files, lack of memory, an ended thread, the reason of a signal.
 */
export function toSdkError(error: unknown, { modelId, modelType, prompt }: CallSubject): unknown {
  if (!HfquantError.isInstance(error)) return error
  const { code, field, hint } = error
  const message = hint === undefined ? error.message : `${error.message}. ${hint}`
  if (NO_MODEL.has(code)) return caused(new NoSuchModelError({ modelId, modelType, message }), error)
  if (OF_PROMPT.has(code)) return new InvalidPromptError({ prompt, message, cause: error })
  const functionality = Object.hasOwn(UNSUPPORTED, code) ? UNSUPPORTED[code] : undefined
  if (functionality !== undefined)
    return caused(new UnsupportedFunctionalityError({ functionality, message }), error)
  // With a file it is the model that says something wrong.
  if (ConfigError.isInstance(error) && error.file === undefined && field !== undefined)
    return new InvalidArgumentError({ argument: field, message, cause: error })
  return error
}

/** Not every error of the AI SDK takes its cause. */
const caused = <Failure extends Error>(failure: Failure, cause: HfquantError): Failure =>
  Object.assign(failure, { cause })
