export type { FeatureExtraction, FeatureExtractionOptions } from './feature-extraction.js'
export type { FillMask, FillMaskOptions, FillMaskSingle } from './fill-mask.js'
export type { TextGenerationOptions } from './generation-arguments.js'
export type { TokenEntity } from './group-entities.js'
export type { PipelineOptions } from './load-options.js'
export { type Pipeline, pipeline } from './pipeline.js'
export type { ProgressCallback, ProgressInfo } from './progress.js'
export type { Task, TaskAlias } from './tasks.js'
export { Tensor } from './tensor.js'
export type { ClassifiedInput, TextClassification, TextClassificationOptions } from './text-classification.js'
export type { Chat, ChatMessage, GeneratedChat, GeneratedText, TextGeneration } from './text-generation.js'
export { type Streamer, TextStreamer, type TextStreamerOptions } from './text-streamer.js'
export type {
  EntityGroup,
  EntityOptions,
  TokenClassification,
  TokenClassificationOptions,
} from './token-classification.js'
export type {
  ZeroShotClassification,
  ZeroShotClassificationOptions,
  ZeroShotClassificationOutput,
} from './zero-shot-classification.js'
