export { castFloats, holdsNonFinite, narrowFloats, widenFloats } from './cast-floats.js'
export {
  AddressSpaceError,
  KernelArgumentError,
  KernelError,
  type KernelErrorCode,
  type KernelErrorOptions,
  KernelFailedError,
  KernelIoError,
  KernelMemoryError,
  KernelPoolDisposedError,
  KernelWorkerCrashedError,
  PackageBundledError,
  UnknownKernelError,
} from './errors.js'
export { installedFile } from './installed-file.js'
export type { KernelCall, KernelFunction, KernelParams, KernelResult } from './kernel.js'
export {
  type ByteRange,
  type FileRange,
  type MemoryRange,
  rangeWithin,
  type Spacing,
} from './pool/byte-range.js'
export { createIdleThreads, type IdleThreads, type KeptThread } from './pool/idle-threads.js'
export {
  createKernelPool,
  type KernelPool,
  type KernelPoolOptions,
  type KernelRunOptions,
} from './pool/kernel-pool.js'
export type { KernelTask } from './pool/task.js'
export { readRange as readByteRange, writeRange as writeByteRange } from './pool/transfer.js'
export { AWQ_GEMM_SHIFTS, type AwqCodesParams } from './reference/awq-codes.js'
export {
  type BnbProfile,
  FOUR_BIT_CODES,
  FOUR_BIT_TYPES,
  type FourBitType,
} from './reference/bnb-codes.js'
export type { Bnb4DequantizeParams } from './reference/bnb4-dequantize.js'
export type { Bnb4QuantizeParams } from './reference/bnb4-quantize.js'
export type { Bnb8DequantizeParams } from './reference/bnb8-dequantize.js'
export type { Bnb8Profile, Bnb8QuantizeParams } from './reference/bnb8-quantize.js'
export type { CastParams } from './reference/cast.js'
export { CAST_DTYPES, type CastDtype } from './reference/cast-dtypes.js'
export type { DequantizeRowsParams } from './reference/dequantize-rows.js'
export { DYNAMIC_MAP } from './reference/dynamic-map.js'
export {
  bfloat16ToFloat32,
  FLOAT_DTYPES,
  type FloatDtype,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  floatBytes,
  roundHalfToEven,
  roundToDtype,
} from './reference/float-formats.js'
export {
  FLOAT8_DTYPES,
  type Float8DequantizeParams,
  type Float8Dtype,
} from './reference/float8-dequantize.js'
export { type Float8GridsParams, LARGEST_FINITE } from './reference/float8-grids.js'
export {
  GGUF_BLOCK,
  GGUF_BLOCK_BYTES,
  type GgufBlocksParams,
  type GgufBlockType,
} from './reference/gguf-blocks.js'
export {
  GGUF_CODED_TYPES,
  type GgufCodedType,
  type GgufCodesParams,
  ggufCodeBlock,
} from './reference/gguf-codes.js'
export { GGUF_ROUNDED_TYPES, type GgufRoundedParams, type GgufRoundedType } from './reference/gguf-rounded.js'
export type { GptqEnergyParams } from './reference/gptq-energy.js'
export type { GptqFactorParams } from './reference/gptq-factor.js'
export type { GptqGridParams, GptqGridRowsParams } from './reference/gptq-grid.js'
export type {
  DequantizeColumnsParams,
  PackColumnsParams,
  UnpackColumnsParams,
} from './reference/gptq-pack.js'
export type { GptqRoundParams } from './reference/gptq-round.js'
export type { GptqRowsParams } from './reference/gptq-rows.js'
export {
  lowerPanels,
  type TrianglePanel,
  triangleLength,
  upperPanels,
} from './reference/gptq-triangle.js'
export * as reference from './reference/index.js'
export {
  INT_MAPPINGS,
  type IntGroupsParams,
  type IntMapping,
  SCALE_FLOORS,
  type ScaleFloor,
} from './reference/int-groups.js'
export type { Int4OffsetDequantizeParams, Int4OffsetQuantizeParams } from './reference/int4-offset.js'
export { LLM_INT8_STEP } from './reference/llm-int8.js'
export type { NibbleBytesParams } from './reference/nibble-bytes.js'
export type { OffsetCodesParams } from './reference/offset-codes.js'
export type { PackNibblesParams } from './reference/pack-nibbles.js'
export type { MatrixParams } from './reference/row-abs-max.js'
export type { ScaleCodesParams } from './reference/scale-codes.js'
export type { SlabNibblesParams } from './reference/slab-nibbles.js'
export { runKernel } from './run-kernel.js'
export { type TransposedPiece, transposedCodes, transposedPieces } from './transposed-codes.js'
