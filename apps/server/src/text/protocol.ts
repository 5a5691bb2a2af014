import type { CompiledGrammar, GrammarSource, Tool } from 'hfquant'

/** What the main thread and a text worker say to each other. */

/** What a text worker begins with. */
export interface TextWorkerData {
  /** The name that the model is served by. */
  readonly model: string
  /** Of the model, with its tokenizer. */
  readonly folder: string
  /** A Jinja template in place of the folder's. */
  readonly chatTemplate: string | undefined
  /** Tokens that the model reads at most: a text that has more is not worth encoding. */
  readonly contextLength: number
}

export interface ChatInput {
  readonly messages: readonly { readonly role: string; readonly [field: string]: unknown }[]
  readonly addGenerationPrompt: boolean
  readonly continueFinalMessage: boolean
  readonly tools: readonly Tool[] | undefined
  readonly variables: { readonly [name: string]: unknown }
}

export type TextJob =
  | ({ readonly kind: 'chat' } & ChatInput)
  | {
      readonly kind: 'text'
      readonly text: string
      readonly addSpecialTokens: boolean
      /** Tokens that a longer text is cut to; absent: it is refused. */
      readonly truncateTo?: number | undefined
    }
  | { readonly kind: 'decode'; readonly ids: readonly number[] }
  | { readonly kind: 'tokens'; readonly ids: readonly number[] }
  | {
      readonly kind: 'grammar'
      readonly source: GrammarSource
      /** Tokens that end an answer. */
      readonly endTokenIds: readonly number[]
    }

/** A prompt in tokens. */
export interface EncodedPrompt {
  readonly ids: readonly number[]
  /** The end of the text: it tells whether the answer begins within reasoning. */
  readonly ending: string
  /** SHA-256 of the first 1024 bytes of the text, behind the name of the model; undefined for a shorter one. */
  readonly prefix: string | undefined
}

export interface TextAnswers {
  readonly chat: EncodedPrompt
  readonly text: EncodedPrompt
  readonly decode: string
  readonly tokens: readonly (string | null)[]
  readonly grammar: CompiledGrammar
}

export interface TextRequest {
  readonly id: number
  readonly job: TextJob
}

/** Why a job failed; classes do not survive the way between threads. */
export interface TextFailure {
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  readonly field: string | undefined
}

export type TextReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly error: TextFailure }
  /** The template of a job is done and its tokens are next, or the vocabulary is there and the grammar is next. */
  | { readonly kind: 'halfway'; readonly id: number }
  | { readonly kind: 'done'; readonly id: number; readonly answer: TextAnswers[TextJob['kind']] }
  | { readonly kind: 'error'; readonly id: number; readonly error: TextFailure }
