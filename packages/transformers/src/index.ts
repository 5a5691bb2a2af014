export { CausalLM } from './auto/causal-lm.js'
export type { ChatOptions } from './auto/chat-prompt.js'
export type { Prompt, TokenIds } from './auto/check-tokens.js'
export {
  type CompiledModel,
  listCompiledModels,
  pruneCompiledModels,
  removeCompiledModels,
} from './auto/compiled-models.js'
export type { ForwardResult } from './auto/forward-result.js'
export { AutoModelForCausalLM } from './auto/from-pretrained.js'
export type { GeneratedPiece } from './auto/generate-text.js'
export { type InspectedModule, inspectModel, type ModelInspection } from './auto/inspect-model.js'
export { type Likelihood, logProbability } from './auto/likelihood.js'
export { checkLoadOptions, type LoadModelOptions, type SaveOptions } from './auto/load-options.js'
export type { ModelMemory } from './auto/model-memory.js'
export type { ModelQuantization } from './auto/model-quantization.js'
export { isPrecision, registerInt8 } from './auto/quantize-argument.js'
export { type QuantizeModelOptions, type QuantizeModelResult, quantizeModel } from './auto/quantize-model.js'
export { refuseCompiled } from './auto/refuse-compiled.js'
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
