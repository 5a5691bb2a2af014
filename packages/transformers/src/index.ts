export {
  type CompiledModel,
  listCompiledModels,
  pruneCompiledModels,
  removeCompiledModels,
} from './auto/compile/compiled-models.js'
export { compileModel } from './auto/compile-model.js'
export {
  type ConvertModelOptions,
  type ConvertModelResult,
  convertModel,
} from './auto/convert-model.js'
export { CausalLM } from './auto/decoder/causal-lm.js'
export type { ChatOptions } from './auto/decoder/chat-prompt.js'
export type { Prompt, TokenIds } from './auto/decoder/check-tokens.js'
export type { ForwardResult } from './auto/decoder/forward-result.js'
export { AutoModelForCausalLM } from './auto/decoder/from-pretrained.js'
export type { GenerateOptions } from './auto/decoder/generate-options.js'
export type {
  FinishReason,
  GeneratedPiece,
  GenerationUsage,
  TokenProbability,
} from './auto/decoder/generate-text.js'
export { type Likelihood, logProbability } from './auto/decoder/likelihood.js'
export type { ScoredToken, ScoreTextOptions } from './auto/decoder/scored-tokens.js'
export { BaseEncoder, type EncodedText } from './auto/encoder/base-encoder.js'
export type { LabelScore } from './auto/encoder/classes.js'
export { EncoderModel } from './auto/encoder/encoder-model.js'
export {
  AutoModel,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
} from './auto/encoder/from-pretrained.js'
export { MaskedLM, type MaskedLMOutput } from './auto/encoder/masked-lm.js'
export { textBatches } from './auto/encoder/run-texts.js'
export type { EmbedOptions, SentenceInput } from './auto/encoder/sentence/embed.js'
export { type ClassifiedText, SequenceClassifier } from './auto/encoder/sequence-classifier.js'
export type {
  EncoderBatch,
  EncoderInput,
  EncoderTokens,
  EncodeTextsOptions,
  TextPair,
} from './auto/encoder/text-input.js'
export {
  type ClassifiedToken,
  type ClassifiedTokens,
  type ClassifyTokensOptions,
  TokenClassifier,
} from './auto/encoder/token-classifier.js'
export { findGguf, ggufModels, isGguf } from './auto/gguf/find-gguf.js'
export { modelFolder } from './auto/gguf/unfold-gguf.js'
export {
  type InspectedExperts,
  type InspectedModule,
  inspectModel,
  type ModelInspection,
} from './auto/inspect-model.js'
export { loadPretrained } from './auto/load-pretrained.js'
export type { WantedModel } from './auto/open/demand-kind.js'
export type { LoadModelOptions, SaveOptions } from './auto/open/load-options.js'
export type { ModelSource } from './auto/open/model-source.js'
export { isPrecision, registerInt8 } from './auto/open/quantize-argument.js'
export { type QuantizeModelOptions, type QuantizeModelResult, quantizeModel } from './auto/quantize-model.js'
export type { ModelMemory } from './auto/shared/memory.js'
export { untilAborted } from './auto/shared/until-aborted.js'
export type { WriteFolderOptions, WrittenModel } from './auto/shared/write-folder.js'
export type { ModelQuantization } from './auto/weights/quantization.js'
export type { Weights } from './auto/weights/weights.js'
export * from './chat/index.js'
export {
  EXPORT_TYPES,
  type ExportModelOptions,
  type ExportModelResult,
  exportModel,
  type GgufExportOptions,
  type OnnxExportOptions,
} from './export/export-model.js'
export * from './generate/index.js'
export * from './tokenizer/index.js'
