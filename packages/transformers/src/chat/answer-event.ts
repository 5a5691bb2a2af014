/** What a piece of an answer turned out to be. */
export type AnswerEvent =
  | { readonly type: 'content' | 'reasoning'; readonly text: string }
  /** A call of a known function begins: its name is complete. Calls are numbered from 0. */
  | { readonly type: 'tool-call'; readonly index: number; readonly id: string; readonly name: string }
  /** Characters of its arguments as the model wrote them: all of them together are a JSON object. */
  | { readonly type: 'tool-arguments'; readonly index: number; readonly text: string }
  | { readonly type: 'tool-call-end'; readonly index: number }
  /**
   * What looked like a call was none: it does not parse, or names an unknown function. `text` is all of it, as written, and is
   * content. With `index`, the call had begun already: whoever passed that on cannot take it back, whoever did not drops it.
   */
  | { readonly type: 'tool-failure'; readonly text: string; readonly index?: number }

/** Reads an answer from its beginning, in pieces of any size; the events do not depend on the sizes, but for texts being cut elsewhere. */
export interface AnswerReader {
  push(text: string): AnswerEvent[]
  /** What was held back at the end of the answer. */
  end(): AnswerEvent[]
}

export interface ToolCall {
  readonly id: string
  readonly name: string
  /** A JSON object, as written. */
  readonly arguments: string
}

/** A whole answer. */
export interface ChatAnswer {
  readonly content: string
  readonly reasoning: string
  readonly toolCalls: readonly ToolCall[]
  /** How many times something looked like a call and was none. */
  readonly toolFailures: number
}

/** The answer that events add up to. Calls that failed after they began are content here, as written. */
export function collectAnswer(events: Iterable<AnswerEvent>): ChatAnswer {
  const texts = { content: '', reasoning: '' }
  const calls = new Map<number, ToolCall>()
  let toolFailures = 0
  for (const event of events) {
    switch (event.type) {
      case 'content':
      case 'reasoning':
        texts[event.type] += event.text
        break
      case 'tool-call':
        calls.set(event.index, { id: event.id, name: event.name, arguments: '' })
        break
      case 'tool-arguments': {
        const call = calls.get(event.index)!
        calls.set(event.index, { ...call, arguments: call.arguments + event.text })
        break
      }
      case 'tool-failure':
        toolFailures++
        texts.content += event.text
        if (event.index !== undefined) calls.delete(event.index)
        break
      case 'tool-call-end':
        break
    }
  }
  return { ...texts, toolCalls: [...calls.values()], toolFailures }
}
