import type {
  LanguageModelV3FinishReason,
  LanguageModelV3Reasoning,
  LanguageModelV3StreamPart,
  LanguageModelV3Text,
  LanguageModelV3ToolCall,
  LanguageModelV3Usage,
} from '@ai-sdk/provider'
import type { AnswerEvent, AnswerFinish, AnswerUsage } from 'hfquant'

/**
 * What every version of the interface has, and none of their values of JSON, whose types differ between releases of the same
 * version.
 */
type Common<Part> = Part extends unknown ? Omit<Part, 'providerMetadata'> : never

export type Content = Common<LanguageModelV3Text | LanguageModelV3Reasoning | LanguageModelV3ToolCall>

export type StreamPart = Common<
  | Extract<LanguageModelV3StreamPart, { type: `${'text' | 'reasoning' | 'tool-input'}-${string}` }>
  | Extract<LanguageModelV3StreamPart, { type: 'tool-call' | 'stream-start' | 'response-metadata' }>
  | Extract<LanguageModelV3StreamPart, { type: 'raw' | 'error' }>
  | { type: 'finish'; usage: Usage; finishReason: LanguageModelV3FinishReason }
>

export type Usage = Omit<LanguageModelV3Usage, 'raw'> & { raw: Record<keyof AnswerUsage, number> }

/** Puts the events of an answer into blocks: text, reasoning, and inputs of tools. */
export interface PartWriter {
  write(event: AnswerEvent): StreamPart[]
  /** Closes the last block. */
  end(): StreamPart[]
}

export function createPartWriter(): PartWriter {
  let block: { readonly type: 'text' | 'reasoning'; readonly id: string } | undefined
  let blocks = 0
  let call: { readonly id: string; readonly name: string; input: string } | undefined

  return { write, end: close }

  function write(event: AnswerEvent): StreamPart[] {
    switch (event.type) {
      case 'content':
        return writeText('text', event.text)
      case 'reasoning':
        return writeText('reasoning', event.text)
      case 'tool-call': {
        const { id, name } = event
        call = { id, name, input: '' }
        return [...close(), { type: 'tool-input-start', id, toolName: name }]
      }
      case 'tool-arguments':
        call!.input += event.text
        return [{ type: 'tool-input-delta', id: call!.id, delta: event.text }]
      case 'tool-call-end': {
        const { id: toolCallId, name: toolName, input } = call!
        return [...endInput(), { type: 'tool-call', toolCallId, toolName, input }]
      }
      case 'tool-failure':
        // An input that was passed on cannot be taken back; without a call it leads to nothing.
        return [...(event.index === undefined ? [] : endInput()), ...writeText('text', event.text)]
    }
  }

  function writeText(type: 'text' | 'reasoning', delta: string): StreamPart[] {
    const opened = block?.type === type ? [] : open(type)
    return [...opened, { type: `${type}-delta`, id: block!.id, delta }]
  }

  function open(type: 'text' | 'reasoning'): StreamPart[] {
    const closed = close()
    block = { type, id: String(blocks++) }
    return [...closed, { type: `${type}-start`, id: block.id }]
  }

  function close(): StreamPart[] {
    if (block === undefined) return []
    const { type, id } = block
    block = undefined
    return [{ type: `${type}-end`, id }]
  }

  function endInput(): StreamPart[] {
    const { id } = call!
    call = undefined
    return [{ type: 'tool-input-end', id }]
  }
}

/** What the parts of a stream add up to. */
export interface CollectedContent {
  readonly content: Content[]
  add(part: StreamPart): void
}

export function collectContent(): CollectedContent {
  const content: Content[] = []
  return {
    content,
    add(part) {
      if (part.type === 'text-start') content.push({ type: 'text', text: '' })
      else if (part.type === 'reasoning-start') content.push({ type: 'reasoning', text: '' })
      else if (part.type === 'text-delta' || part.type === 'reasoning-delta') {
        const last = content.at(-1) as Extract<Content, { text: string }>
        last.text += part.delta
      } else if (part.type === 'tool-call') content.push(part)
    },
  }
}

export const finishReasonOf = (finish: AnswerFinish): LanguageModelV3FinishReason => ({
  unified: finish === 'tool_calls' ? 'tool-calls' : finish,
  raw: finish,
})

export const usageOf = (usage: AnswerUsage): Usage => {
  const { promptTokens, cachedTokens, completionTokens, reasoningTokens } = usage
  return {
    inputTokens: {
      total: promptTokens,
      noCache: promptTokens - cachedTokens,
      cacheRead: cachedTokens,
      cacheWrite: undefined,
    },
    outputTokens: {
      total: completionTokens,
      text: completionTokens - reasoningTokens,
      reasoning: reasoningTokens,
    },
    raw: { ...usage },
  }
}
