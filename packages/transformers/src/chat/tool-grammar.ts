import type { GrammarSource } from '@hfquant/grammar'
import type { ReasoningMarkers } from './reasoning.js'
import { TOOL_MARKERS, type ToolFormat } from './tool-format.js'
import type { Tool, ToolChoice } from './tools.js'

export interface ToolGrammarOptions {
  readonly format: ToolFormat
  readonly tools: readonly Tool[]
  readonly choice: ToolChoice
  /** More than one call in an answer. */
  readonly parallel: boolean
  /** Calls of Mistral's newer models: `name[ARGS]{…}` instead of a list. */
  readonly namesFirst: boolean
  /** The id of a marker that is a token without text of its own; undefined where a marker is text. */
  specialTokenId(marker: string): number | undefined
}

/**
 * The grammar of an answer: `required` and a named function admit calls alone; with `auto`, the arguments of `strict` functions
 * satisfy their parameters, and everything else is free. Undefined where nothing is constrained. Schemas that are not
 * offered are refused when it is compiled, by GrammarError.
 */
export function toolGrammar(options: ToolGrammarOptions): GrammarSource | undefined {
  const { choice, tools } = options
  if (choice === 'none') return undefined
  if (choice === 'auto') return tools.some(isStrict) ? autoGrammar(options) : undefined
  const permitted =
    choice === 'required' ? tools : tools.filter((tool) => tool.function.name === choice.function.name)
  return callsOf(options, permitted, parametersOf)
}

/** A grammar that begins behind reasoning; `begun`: the prompt ended with the opener. */
export function afterReasoning(
  { opener, closer }: ReasoningMarkers,
  begun: boolean,
  specialTokenId: (marker: string) => number | undefined,
  answer: GrammarSource,
): GrammarSource {
  const marker = (text: string) => markerOf(text, specialTokenId)
  const rest: GrammarSource[] = [
    { type: 'free', until: closer },
    marker(closer),
    { type: 'regex', pattern: '\\s{0,4}' },
  ]
  const reasoning: GrammarSource = { type: 'sequence', parts: begun ? rest : [marker(opener), ...rest] }
  const before = begun ? reasoning : choiceOf(reasoning, NOTHING)
  return { type: 'sequence', parts: [before, answer] }
}

const NOTHING: GrammarSource = { type: 'text', text: '' }
const choiceOf = (...options: GrammarSource[]): GrammarSource => ({ type: 'choice', options })
const sequence = (...parts: GrammarSource[]): GrammarSource => ({ type: 'sequence', parts })
const text = (written: string): GrammarSource => ({ type: 'text', text: written })

function markerOf(marker: string, specialTokenId: (marker: string) => number | undefined): GrammarSource {
  const id = specialTokenId(marker)
  return id === undefined ? text(marker) : { type: 'token', id }
}

const isStrict = (tool: Tool) => tool.function.strict === true

const parametersOf = ({ function: { parameters } }: Tool): GrammarSource => ({
  type: 'json_schema',
  schema: parameters ?? { type: 'object', properties: {} },
})

/** Free text, then calls or none. Behind the opener a call has to be one, with any arguments where nothing is strict. */
function autoGrammar(options: ToolGrammarOptions): GrammarSource {
  const calls = callsOf(options, options.tools, (tool) =>
    isStrict(tool) ? parametersOf(tool) : { type: 'json_object' },
  )
  if (options.format === 'llama3') {
    // An answer that begins with a bracket is a call.
    return choiceOf(calls, { type: 'regex', pattern: '(?:[^\\s{<][^]*)?' })
  }
  const [opener] = TOOL_MARKERS[options.format]
  return sequence({ type: 'free', until: opener }, choiceOf(NOTHING, calls))
}

function callsOf(
  options: ToolGrammarOptions,
  tools: readonly Tool[],
  argumentsOf: (tool: Tool) => GrammarSource,
): GrammarSource {
  const { format, parallel, namesFirst, specialTokenId } = options
  const marker = (marked: string) => markerOf(marked, specialTokenId)
  const each = (of: (tool: Tool) => GrammarSource) => choiceOf(...tools.map(of))
  const repeated = (part: GrammarSource, separator: string): GrammarSource =>
    parallel ? { type: 'repeat', part, min: 1, separator } : part
  const object = (key: string) =>
    each((tool) =>
      sequence(text(`{"name": "${tool.function.name}", "${key}": `), argumentsOf(tool), text('}')),
    )
  if (format === 'hermes') {
    const [opener, closer] = TOOL_MARKERS.hermes
    return repeated(
      sequence(marker(opener), text('\n'), object('arguments'), text('\n'), marker(closer)),
      '\n',
    )
  }
  if (format === 'llama3') return repeated(object('parameters'), '; ')
  const [opener, , args] = TOOL_MARKERS.mistral
  if (!namesFirst) {
    return sequence(marker(opener), text('['), repeated(object('arguments'), ', '), text(']'))
  }
  const call = each((tool) => sequence(text(tool.function.name), marker(args), argumentsOf(tool)))
  return repeated(sequence(marker(opener), call), '')
}
