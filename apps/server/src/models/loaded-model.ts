import type {
  AnswerFormat,
  BaseEncoder,
  CausalLM,
  CompiledGrammar,
  GLiNER,
  GrammarSource,
  SentenceInput,
  SequenceClassifier,
  TokenClassifier,
} from 'hfquant'
import type { TextThreads } from '../text/text-threads.js'
import type { FileDefaults } from './file-defaults.js'

/** What generates: the part of CausalLM that the server uses. */
export interface TextGenerator extends Pick<CausalLM, 'contextLength' | 'generate' | 'score' | 'counters'> {
  dispose(): Promise<void>
}

/** What /v1/models says about how a model is quantized. */
export interface QuantizationFacts {
  readonly method: string
  /** The recipe that the server was started with; null where only the folder knows. */
  readonly recipe: string | null
  readonly bits_per_weight: number | null
}

interface LoadedFacts {
  readonly quantization: QuantizationFacts | null
  /** Of the weights, in memory. */
  readonly bytes: number
  /** Values of the float model; null for a folder that cannot be inspected. */
  readonly parameters: number | null
  /** Precision of what is not quantized; empty where it is not known. */
  readonly dtype: string
  /** Equal for equal weights, computed in the same way. */
  readonly fingerprint: string
  readonly contextLength: number
  readonly warnings: readonly string[]
  dispose(): Promise<void>
}

export interface LoadedDecoder extends LoadedFacts {
  readonly kind: 'decoder'
  readonly generator: TextGenerator
  readonly texts: TextThreads
  /** The bytes that a token stands for. */
  tokenBytes(id: number): Uint8Array
  /** What generation_config.json says; empty where it is not asked. */
  readonly defaults: FileDefaults
  /** Text of the chat template; undefined for a model without one. */
  readonly chatTemplate: string | undefined
  /** How it writes calls of functions, and reasoning. */
  readonly format: AnswerFormat
  /** Compiles away from the main thread; what was asked before is still there. Throws GrammarError; ApiError when it takes too long. */
  compileGrammar(source: GrammarSource): Promise<CompiledGrammar>
}

/** How texts become the tokens that an encoder is given. */
export interface TextReading extends SentenceInput {
  /** Undefined for a folder without a tokenizer. */
  readonly texts: TextThreads | undefined
}

interface LoadedEncoderOf<Task extends string, Encoder> extends LoadedFacts {
  readonly kind: 'encoder'
  readonly task: Task
  readonly encoder: Encoder
  readonly reading: TextReading
}

export type LoadedEncoder =
  | LoadedEncoderOf<'embed', BaseEncoder>
  | LoadedEncoderOf<'classify', SequenceClassifier>
  | LoadedEncoderOf<'classify-tokens', TokenClassifier>

export interface LoadedGliner extends LoadedFacts {
  readonly kind: 'gliner'
  readonly gliner: GLiNER
}

export type LoadedModel = LoadedDecoder | LoadedEncoder | LoadedGliner
