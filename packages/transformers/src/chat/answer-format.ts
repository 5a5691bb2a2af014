import type { Tokenizer } from '../tokenizer/index.js'
import { findReasoning, type ReasoningMarkers } from './reasoning.js'
import { findToolFormat, TOOL_MARKERS, type ToolFormat } from './tool-format.js'

/** How a model writes what is not plain text. */
export interface AnswerFormat {
  /** Undefined: its template knows no calls. */
  readonly tools: ToolFormat | undefined
  /** Calls of Mistral's newer models: `name[ARGS]{…}`. */
  readonly namesFirst: boolean
  /** Undefined: it does not reason, or its reasoning stays in the content. */
  readonly reasoning: ReasoningMarkers | undefined
  /** Tokens of these markers, which a decoder leaves out where they are special. */
  tokenIds(markers: readonly string[]): readonly number[]
  /** The token of a marker that has no text of its own. */
  specialTokenId(marker: string): number | undefined
}

/** What somebody who knows better says about it. */
export interface AnswerFormatSettings {
  readonly toolFormat: 'auto' | ToolFormat
  readonly reasoning: 'auto' | 'off'
}

/** Finds out from the template and the vocabulary of a model how it writes calls and reasoning. */
export function findAnswerFormat(
  template: string | undefined,
  tokenizer: Pick<Tokenizer, 'tokenToId' | 'tokenBytes'> | undefined,
  { toolFormat, reasoning }: AnswerFormatSettings,
): AnswerFormat {
  const idOf = (marker: string) => tokenizer?.tokenToId(marker)
  const found = template === undefined ? undefined : findToolFormat(template)
  return {
    tools: toolFormat === 'auto' ? found : toolFormat,
    namesFirst: template?.includes(TOOL_MARKERS.mistral[2]) === true,
    reasoning:
      reasoning === 'off' ? undefined : findReasoning(template, (marker) => idOf(marker) !== undefined),
    tokenIds: (markers) => markers.flatMap((marker) => idOf(marker) ?? []),
    specialTokenId(marker) {
      const id = idOf(marker)
      return id === undefined || tokenizer!.tokenBytes(id).length > 0 ? undefined : id
    },
  }
}
