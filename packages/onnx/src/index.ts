export { type ArtifactOptions, writeArtifact } from './artifact/write-artifact.js'
export { createGraph, type Dimension, type Graph } from './graph/graph.js'
export { floatConstant } from './lower/linear.js'
export {
  type Compute,
  type Lowering,
  type LoweringContext,
  lower,
  registerLowering,
} from './lower/lowering.js'
export { DECODER } from './session/decoder-ports.js'
export type { CacheShape } from './session/protocol.js'
export {
  type DecoderSession,
  openSession,
  type SequenceHandle,
  type SessionOptions,
} from './session/session-host.js'
