import type { GrammarSource } from '@hfquant/grammar'
import type { AnswerFormat } from './answer-format.js'
import type { AnswerReaderOptions } from './answer-reader.js'
import { ToolsError } from './errors.js'
import { beginsInReasoning } from './reasoning.js'
import { TOOL_MARKERS, type ToolFormat } from './tool-format.js'
import { afterReasoning, toolGrammar } from './tool-grammar.js'
import type { Tool, ToolChoice } from './tools.js'

/** The functions that an answer may call. */
export interface ToolUse {
  readonly tools: readonly Tool[]
  readonly choice: Exclude<ToolChoice, 'none'>
  /** More than one call in an answer. */
  readonly parallel: boolean
}

/** What is asked of an answer. */
export interface AnswerRequest {
  readonly format: AnswerFormat
  /** The last characters of the prompt: templates may begin the reasoning themselves. */
  readonly ending: string
  /** What the answer has to be, unless it is a call; undefined: any text. */
  readonly responseFormat?: GrammarSource | undefined
  /** Undefined: no function may be called. */
  readonly tools?: ToolUse | undefined
}

/** How an answer is constrained and read. */
export interface AnswerPlan {
  /** Undefined: any text. */
  readonly grammar: GrammarSource | undefined
  /** What is told apart in the text. */
  readonly reader: AnswerReaderOptions
  /** Special tokens that are read as text. */
  readonly keptTokenIds: readonly number[]
  /** The first complete call ends the answer. */
  readonly endsWithCall: boolean
  /** Stop strings count in the content alone, so that they are looked for when the answer has been read. */
  readonly readsStops: boolean
}

/** @throws ToolsError TOOL_FORMAT_UNKNOWN for tools that the model cannot call. */
export function planAnswer({ format, ending, responseFormat, tools }: AnswerRequest): AnswerPlan {
  const toolFormat = tools && demandToolFormat(format)
  const markers = format.reasoning
  const reasoning = markers && { markers, begun: beginsInReasoning(ending, markers) }
  const answer = sourceOf(responseFormat, tools, toolFormat, format)
  return {
    grammar:
      answer && reasoning
        ? afterReasoning(reasoning.markers, reasoning.begun, format.specialTokenId, answer)
        : answer,
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
  const known = Object.keys(TOOL_MARKERS)
  throw new ToolsError('TOOL_FORMAT_UNKNOWN', 'the chat template of the model has no calls of functions', {
    field: 'tools',
    expected: known,
    hint: `Leave tools out, or say how the model writes calls: ${known.join(', ')}.`,
  })
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
