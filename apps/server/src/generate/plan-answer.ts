import {
  type AnswerReaderOptions,
  afterReasoning,
  beginsInReasoning,
  type CompiledGrammar,
  type GrammarSource,
  HfquantError,
  TOOL_MARKERS,
  type Tool,
  type ToolFormat,
  toolGrammar,
} from 'hfquant'
import { ApiError } from '../http/api-error.js'
import type { AnswerFormat } from '../models/answer-format.js'
import type { LoadedDecoder } from '../models/loaded-model.js'
import type { GenerationRequest } from '../openai/generation-request.js'
import type { ToolUse } from '../openai/tool-fields.js'

/** How the answers to a request are constrained and read. */
export interface AnswerPlan {
  /** Undefined: any text. */
  readonly grammar: CompiledGrammar | undefined
  /** What is told apart in the text. */
  readonly reader: AnswerReaderOptions
  /** Special tokens that are read as text. */
  readonly keptTokenIds: readonly number[]
  /** The first complete call ends the answer. */
  readonly endsWithCall: boolean
  /** Stop strings count in the content alone, so that they are looked for when the answer has been read. */
  readonly readsStops: boolean
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
  const { format } = model
  const { responseFormat, tools } = request
  const toolFormat = tools && demandToolFormat(format)
  const markers = request.promptField === 'messages' ? format.reasoning : undefined
  const reasoning = markers && { markers, begun: beginsInReasoning(ending, markers) }
  const answer = sourceOf(responseFormat, tools, toolFormat, format)
  const source =
    answer && reasoning
      ? afterReasoning(reasoning.markers, reasoning.begun, format.specialTokenId, answer)
      : answer
  return {
    grammar: source && (await compile(source, request, model)),
    reader: {
      tools: toolFormat && { format: toolFormat, names: tools!.tools.map(({ function: { name } }) => name) },
      reasoning,
    },
    keptTokenIds: format.tokenIds([
      ...(toolFormat === undefined ? [] : TOOL_MARKERS[toolFormat]),
      ...(markers === undefined ? [] : [markers.opener, markers.closer]),
    ]),
    endsWithCall: tools?.parallel === false,
    readsStops: toolFormat !== undefined || reasoning !== undefined,
  }
}

function demandToolFormat({ tools }: AnswerFormat): ToolFormat {
  if (tools !== undefined) return tools
  throw new ApiError(
    'unsupported_field',
    'the chat template of the model has no calls of functions; leave tools out, or start the server with --tool-format',
    { param: 'tools' },
  )
}

/** Undefined where nothing is constrained. */
function sourceOf(
  responseFormat: GrammarSource | undefined,
  use: ToolUse | undefined,
  toolFormat: ToolFormat | undefined,
  { namesFirst, specialTokenId }: AnswerFormat,
): GrammarSource | undefined {
  if (use === undefined || toolFormat === undefined) return responseFormat
  const options = { ...use, ...{ format: toolFormat, namesFirst, specialTokenId } }
  if (responseFormat === undefined || use.choice !== 'auto') return toolGrammar(options)
  // A call, or else an answer in the format.
  const calls = toolGrammar({ ...options, choice: 'required', tools: use.tools.map(unlessStrict) })
  return { type: 'choice', options: [responseFormat, calls!] }
}

/** Functions that are not strict take any object. */
const unlessStrict = (tool: Tool): Tool =>
  tool.function.strict === true
    ? tool
    : {
        ...tool,
        function: { ...tool.function, parameters: { type: 'object', additionalProperties: true } },
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
