export {
  KernelArgumentError,
  KernelError,
  type KernelErrorCode,
  type KernelErrorOptions,
  KernelFailedError,
  KernelIoError,
  KernelMemoryError,
  KernelPoolDisposedError,
  KernelWorkerCrashedError,
  UnknownKernelError,
} from './errors.js'
export type { KernelCall, KernelFunction, KernelParams, KernelResult } from './kernel.js'
export type { ByteRange, FileRange, MemoryRange } from './pool/byte-range.js'
export {
  createKernelPool,
  type KernelPool,
  type KernelPoolOptions,
  type KernelRunOptions,
} from './pool/kernel-pool.js'
export type { KernelTask } from './pool/task.js'
export type { CastParams } from './reference/cast.js'
export type { DequantizeRowsParams } from './reference/dequantize-rows.js'
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
export * as reference from './reference/index.js'
export {
  INT_MAPPINGS,
  type IntGroupsParams,
  type IntMapping,
  type ScaleFloor,
} from './reference/int-groups.js'
export type { PackNibblesParams } from './reference/pack-nibbles.js'
export type { MatrixParams } from './reference/row-abs-max.js'
export { runKernel } from './run-kernel.js'
