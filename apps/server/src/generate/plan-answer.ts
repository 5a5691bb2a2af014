import {
  type AnswerFormat,
  type CompiledGrammar,
  type GrammarSource,
  HfquantError,
  type AnswerPlan as PlannedAnswer,
  planAnswer as plan,
} from 'hfquant'
import { ApiError } from '../http/api-error.js'
import type { LoadedDecoder } from '../models/loaded-model.js'
import type { GenerationRequest } from '../openai/generation-request.js'

/** How the answers to a request are constrained and read. */
export interface AnswerPlan extends Omit<PlannedAnswer, 'grammar'> {
  /** Undefined: any text. */
  readonly grammar: CompiledGrammar | undefined
}

/**
 * @param ending of the prompt: templates may begin the reasoning themselves.
 * @throws ApiError for tools that the model cannot call; HfquantError for a grammar that cannot be enforced.
 */
export async function planAnswer(
  request: GenerationRequest,
  model: Pick<LoadedDecoder, 'format' | 'defaults' | 'compileGrammar'>,
  ending: string,
): Promise<AnswerPlan> {
  const { responseFormat, tools, promptField } = request
  if (tools !== undefined) demandToolFormat(model.format)
  // What continues a text is none of a conversation's answers.
  const format = promptField === 'messages' ? model.format : { ...model.format, reasoning: undefined }
  const { grammar, ...planned } = plan({ format, ending, responseFormat, tools })
  return { ...planned, grammar: grammar && (await compile(grammar, request, model)) }
}

function demandToolFormat({ tools }: AnswerFormat): void {
  if (tools !== undefined) return
  throw new ApiError(
    'unsupported_field',
    'the chat template of the model has no calls of functions; leave tools out, or start the server with --tool-format',
    { param: 'tools' },
  )
}

async function compile(
  source: GrammarSource,
  { ignoreEos, responseFormat }: GenerationRequest,
  { defaults, compileGrammar }: Pick<LoadedDecoder, 'defaults' | 'compileGrammar'>,
): Promise<CompiledGrammar> {
  const field = responseFormat === undefined ? 'tools' : 'response_format'
  if (ignoreEos) {
    throw new ApiError(
      'invalid_value',
      `ignore_eos is true, and ${field} says where the answer ends; leave out one of them`,
      { param: 'ignore_eos' },
    )
  }
  if (defaults.eosTokenIds.length === 0) {
    throw new ApiError(
      'unsupported_value',
      `the model has no token that ends an answer, which ${field} needs`,
      {
        param: field,
      },
    )
  }
  try {
    return await compileGrammar(source)
  } catch (error) {
    if (!HfquantError.isInstance(error) || ApiError.isInstance(error)) throw error
    // The place in a schema is in the message; clients look for the field of their request.
    throw new HfquantError(error.code, error.message, { hint: error.hint, cause: error, field })
  }
}
