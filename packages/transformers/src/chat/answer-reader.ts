import type { AnswerEvent, AnswerReader } from './answer-event.js'
import { newCallId } from './call-ids.js'
import { createHermesReader } from './hermes-reader.js'
import { createLlamaReader } from './llama-reader.js'
import { createMistralReader } from './mistral-reader.js'
import { createReasoningReader, type ReasoningMarkers } from './reasoning.js'
import type { ToolFormat } from './tool-format.js'

export interface AnswerReaderOptions {
  /** Undefined: no calls are looked for. */
  readonly tools?: { readonly format: ToolFormat; readonly names: readonly string[] } | undefined
  /** Undefined: no reasoning is looked for. `begun`: the prompt ended with the opener. */
  readonly reasoning?: { readonly markers: ReasoningMarkers; readonly begun: boolean } | undefined
}

/** Tells content, reasoning and calls of functions apart while an answer is being written. */
export interface ChatAnswerReader extends AnswerReader {
  /** Where the answer is: stop strings count in content only. */
  readonly place: 'reasoning' | 'content' | 'call'
}

const READERS = { hermes: createHermesReader, llama3: createLlamaReader, mistral: createMistralReader }

export function createAnswerReader({ tools, reasoning }: AnswerReaderOptions): ChatAnswerReader {
  const answer = tools === undefined ? plainReader : toolReader(tools)
  const thinking =
    reasoning === undefined ? undefined : createReasoningReader(reasoning.markers, reasoning.begun, answer)
  const { push, end } = thinking ?? answer
  return {
    push,
    end,
    get place() {
      if (thinking?.inReasoning) return 'reasoning'
      return answer.inCall ? 'call' : 'content'
    },
  }
}

function toolReader({ format, names }: { format: ToolFormat; names: readonly string[] }) {
  let calls = 0
  return READERS[format]({
    names: new Set(names),
    newId: () => newCallId(format),
    nextIndex: () => calls++,
  })
}

const plainReader = {
  push: (text: string): AnswerEvent[] => (text === '' ? [] : [{ type: 'content', text }]),
  end: (): AnswerEvent[] => [],
  inCall: false,
}
