export { cast, convert } from '@hfquant/core'
export { type Artifact, findArtifact, hasArtifactOf } from './artifact/artifact-cache.js'
export { artifactFacts, artifactKey } from './artifact/artifact-key.js'
export { type CompileArtifactOptions, compileArtifact } from './artifact/compile-artifact.js'
export type { ArtifactDescription } from './artifact/manifest.js'
export { packLater } from './artifact/pack-later.js'
export { type ArtifactOptions, writeArtifact } from './artifact/write-artifact.js'
export { type CutValue, createGraph, type Graph } from './graph/graph.js'
export type { Dimension, GraphPort } from './graph/graph-parts.js'
export { lowerInEightBits } from './lower/eight-bit-linear.js'
export { floatConstant, floatMatrix, lowerOfConstant } from './lower/linear.js'
export {
  type Compute,
  type LoweringContext,
  type LoweringTrace,
  lower,
} from './lower/lowering.js'
export { type RowLayout, type TokenRows, tokenRows } from './lower/token-rows.js'
export { multipliesMixedSigns } from './processor.js'
export { SamplingError } from './sampling/errors.js'
export { logProbabilities, type TokenLogprob, type TokenLogprobs } from './sampling/log-probabilities.js'
export { createSampler, type Sampler } from './sampling/sampler.js'
export type { LogitBias, SamplerConfig, SequenceSettings } from './sampling/sampler-config.js'
export type { SequenceBias, TokenConstraints, TokenRules } from './sampling/token-rules.js'
export { sequenceBytes } from './session/cache-slots.js'
export { DECODER, ENCODER } from './session/decoder-ports.js'
export { type EncoderSession, openEncoder } from './session/encoder-session.js'
export { createGraphThreads, type GraphSession, type GraphThreads } from './session/graph-session.js'
export type {
  CacheDtype,
  CacheShape,
  GraphTensor,
  NextTokens,
  SumPort,
  TensorRecord,
} from './session/protocol.js'
export { NO_COUNTERS, type SessionCounters } from './session/session-counters.js'
export {
  type DecoderSession,
  openSession,
  type ScoreOptions,
  type SequenceHandle,
  type SessionMemory,
  type SessionOptions,
} from './session/session-host.js'
export { type TextTokens, textOffsets } from './session/text-feeds.js'
