import type { LanguageModelV3CallOptions } from '@ai-sdk/provider'

/**
 * A call of a language model, as far as the versions of the interface agree. Values of JSON are of no type of theirs: those differ
 * between releases of the same version.
 */
export interface CallOptions
  extends Pick<
    LanguageModelV3CallOptions,
    | ('maxOutputTokens' | 'temperature' | 'topK' | 'topP' | 'presencePenalty' | 'frequencyPenalty' | 'seed')
    | ('stopSequences' | 'toolChoice' | 'includeRawChunks' | 'abortSignal')
  > {
  prompt: readonly PromptMessage[]
  tools?: readonly (FunctionTool | { readonly type: 'provider'; readonly id: string })[]
  responseFormat?: { readonly type: 'text' } | { readonly type: 'json'; readonly schema?: unknown }
  providerOptions?: ProviderOptions
  /** How much the model is to think, since version 4. */
  reasoning?: string
}

/** Options of a call by the names of the providers that they are for. */
export interface ProviderOptions {
  readonly [provider: string]: object
}

interface FunctionTool {
  readonly type: 'function'
  readonly name: string
  readonly description?: string
  readonly inputSchema: unknown
  readonly inputExamples?: readonly unknown[]
  readonly strict?: boolean
}

/** A message, as far as the versions agree. */
export interface PromptMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string | readonly PromptPart[]
}

export type PromptPart =
  | { readonly type: 'text' | 'reasoning'; readonly text: string }
  | {
      readonly type: 'tool-call'
      readonly toolCallId: string
      readonly toolName: string
      readonly input: unknown
      readonly providerExecuted?: boolean
    }
  | ToolResultPart
  /** What has no text, or none that a model could be shown. */
  | { readonly type: 'file' | 'reasoning-file' | 'custom' | 'tool-approval-response' }

export interface ToolResultPart {
  readonly type: 'tool-result'
  readonly toolCallId: string
  readonly toolName: string
  readonly output: ToolOutput
}

type ToolOutput =
  | { readonly type: 'text' | 'error-text'; readonly value: string }
  | { readonly type: 'json' | 'error-json'; readonly value: unknown }
  | { readonly type: 'execution-denied'; readonly reason?: string }
  | {
      readonly type: 'content'
      readonly value: readonly { readonly type: string; readonly text?: string }[]
    }
