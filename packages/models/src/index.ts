export {
  type Architecture,
  type ArchitectureDefinition,
  type Backbone,
  type DecoderDescription,
  defineArchitecture,
  type EncoderDefinition,
  type EncoderDescription,
  type ExpertFacts,
  type ModelDescription,
  type ModelFacts,
  type OnnxWhole,
} from './architecture/define-architecture.js'
export { CLASS_OF_TASK, type EncoderFacts, type EncoderTask } from './architecture/encoder-facts.js'
export {
  type DescribeOptions,
  describeBackbone,
  describeModel,
  type ImportArchitecture,
  knownArchitectures,
  registerArchitecture,
} from './architecture/registry.js'
export { textModelConfig } from './architecture/text-model.js'
export { type ConfigReader, configReader } from './config/config-reader.js'
export {
  type LayerKind,
  readEveryWindow,
  readLayerKinds,
  readWindows,
  slidesUnlessEvery,
} from './config/read-layer-kinds.js'
export { type RopeDefaults, readRope } from './config/read-rope.js'
export { readSizes, type Sizes } from './config/read-sizes.js'
export { ropeRemark } from './config/rope-remark.js'
export type {
  AttentionChoice,
  DecoderConfig,
  HeadNormChoice,
  InputChoice,
  LayerChoice,
  MlpChoice,
  OutputChoice,
  ResidualChoice,
} from './decoder/decoder-config.js'
export { type DecoderChoices, type DecoderFamily, decoderFamily } from './decoder/decoder-family.js'
export type { DecoderGguf } from './decoder/gguf-of-decoder.js'
export type { CompleteLayer, LayerAddition } from './decoder/layer-addition.js'
export { AFTER_NORMS, type DecoderNames, type LayerNormNames, SANDWICH_NORMS } from './decoder/names.js'
export {
  type EncoderChoices,
  type EncoderFamily,
  encoderFamily,
  type HeadParts,
} from './encoder/encoder-family.js'
export { ggufConfig } from './gguf/gguf-config.js'
export type { GgufInput } from './gguf/gguf-input.js'
export type { GgufMetadata, GgufModel, GgufPlace, GgufRows, GgufTable, GgufValue } from './gguf/gguf-model.js'
export { type GgufParameter, ggufParameters } from './gguf/gguf-parameters.js'
export type { GgufReader, GgufSource } from './gguf/gguf-reader.js'
export { type Arithmetic, arithmetic, type Numbers } from './ops/arithmetic.js'
export type { EncoderOps } from './ops/encoder-ops.js'
export type { AttendCall, ExpertsCall, Heads, LayerOps, Ops, TokenPairs, WideOps } from './ops/ops.js'
export { type FloatTable, type RopeTables, ropeTables } from './ops/rope-tables.js'
export { type Activation, parseActivation } from './parts/activation.js'
export { layerNorm, Norm, type NormKind, rmsNorm } from './parts/norm.js'
export { type Rope, type RopeFrequencies, type RopeScaling, ropeFrequencies } from './parts/rope.js'
export { type Routed, type Routing, type RoutingGroups, route } from './parts/routing.js'
