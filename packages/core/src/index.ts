export {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  roundHalfToEven,
} from '@hfquant/kernels'
export type {
  Calibration,
  CalibrationBlock,
  CalibrationStage,
  GroupStatistics,
  HiddenStates,
  LinearGroup,
  OutputPass,
  RescaledOutput,
  Rescaling,
  StatisticsPass,
  StatisticsRequest,
} from './contract/calibration.js'
export type {
  CalibrationContext,
  CalibrationFigures,
  FloatTensors,
  KernelWork,
  KernelWorkers,
  MemoryBytes,
  PlacedWeight,
  WaitingWeight,
} from './contract/calibration-context.js'
export type {
  CalibrationRules,
  ConfigRules,
  ConfigUse,
  ConversionRules,
  FileRules,
  ModelOutline,
  QuantizerDefinition,
  Selection,
  SelectionOutcome,
  WeightOnGrid,
} from './contract/definition.js'
export type {
  Component,
  ComponentRows,
  FinalShapes,
  FloatRows,
  IntegerForm,
  KernelCall,
  LoweringInput,
  QuantizedFormat,
  Skip,
  WeightInfo,
} from './contract/format.js'
export type {
  ConstantPiece,
  ConstantTensor,
  GraphAttribute,
  GraphBuilder,
  GraphValue,
  NodeOptions,
  PieceOutput,
} from './contract/graph.js'
export type { IntegerCodes, IntegerGrid } from './contract/integer-codes.js'
export type { JsonObject } from './contract/json.js'
export type {
  CheckpointHeaders,
  ConfigFile,
  Environment,
  FormatContext,
  QuantizationConfig,
  SavedTensor,
  StoredTensor,
  StoredWeight,
} from './contract/quantizer.js'
export { skip } from './contract/skip.js'
export type { ByteSpacing, StoredBytes } from './contract/stored-bytes.js'
export type {
  FieldTensor,
  FieldValue,
  FlatCheckpoint,
  FlatTensor,
  ObjectCheckpoint,
  ObjectFlattener,
  StoredObject,
} from './contract/stored-object.js'
export type { Dtype, FloatDtype, TensorInfo } from './contract/tensor.js'
export { type CommonGrid, commonGrid } from './dispatch/common-grid.js'
export { type ConfigFields, configFields } from './dispatch/config-fields.js'
export { type DefinedQuantizer, defineQuantizer } from './dispatch/define-quantizer.js'
export { MethodConfig, type OptionRules, OptionsConfig } from './dispatch/method-config.js'
export { hasTensor, type MethodSigns, type QuantizerBackend, registerQuantizer } from './dispatch/registry.js'
export { checkOptions } from './errors/check-options.js'
export {
  CapabilityError,
  CheckpointError,
  ConfigError,
  DeviceMapError,
  EnvironmentError,
  OutputError,
  RuntimeError,
} from './errors/families.js'
export { type ErrorOptions, type ErrorSubject, HfquantError } from './errors/hfquant-error.js'
export { packStream, unpackStream, wordsFor } from './formats/bit-stream.js'
export {
  blockScales,
  blockZeros,
  type PackedRows,
  packCodes,
  rowPieces,
  unpackCodes,
} from './formats/block-constants.js'
export {
  type BlockConstant,
  type BlockTable,
  type BlockWeight,
  blockLookup,
  blockProduct,
  blockSizeFor,
  blocksOf,
  type CodeBits,
  groupOfBlock,
} from './formats/block-product.js'
export { cast, convert } from './formats/cast.js'
export { channelOrder, reorderChannels } from './formats/channel-order.js'
export { E2M1_VALUES, type E2m1Weight, e2m1Product } from './formats/e2m1-product.js'
export { toE4m3 } from './formats/e4m3.js'
export { eachGroup } from './formats/each-group.js'
export { elementType } from './formats/element-type.js'
export { type Float8Weight, float8Product } from './formats/float8-product.js'
export { type CodeRow, E8M0_BIAS, FLOAT8_VALUES, powersOfTwo, readCodeRow } from './formats/float8-values.js'
export {
  type IntegerActivations,
  type IntegerWeight,
  integerProduct,
  UNSIGNED_ZERO,
} from './formats/integer-product.js'
export { type PartBytes, readParts } from './formats/read-parts.js'
export { offsetRows, type RowCalls, rangeOf, rowCalls, sharedBytes } from './formats/row-calls.js'
export {
  type DamagedElement,
  describePart,
  incompleteFormat,
  type StoredPart,
  type StoredTensors,
  sameShape,
  storedTensors,
  type TensorProblem,
} from './formats/stored-tensors.js'
export {
  formatJson,
  type JsonNode,
  PythonFloat,
  parseJson,
  parseJsonValue,
  toNode,
  toValue,
} from './json/json-document.js'
export {
  oneOf,
  readBoolean,
  readInteger,
  readNumber,
  readObject,
  readString,
  readStrings,
} from './json/read-field.js'
export { unknownEntries, unknownKeysRemark } from './json/unknown-keys.js'
export { compilePattern, type Pattern, type PatternMode } from './pattern/compile-pattern.js'
export { dtypeBits, elementCount, isFloatDtype, parseFloatDtype, tensorBytes } from './shell/dtype.js'
