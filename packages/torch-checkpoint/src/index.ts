export {
  TorchCheckpointError,
  type TorchCheckpointErrorCode,
  type TorchCheckpointErrorDetails,
} from './errors.js'
export { openTorchCheckpoint, type TorchCheckpoint } from './read/open-checkpoint.js'
export { openTorchFile } from './read/open-torch-file.js'
export type { TensorRange } from './read/tensor-range.js'
export type { ReadOptions, StreamOptions, TorchFile } from './read/torch-file.js'
export { dtypeBytes, type TorchDtypeName, torchDtypes } from './tensors/dtypes.js'
export type {
  TorchDtype,
  TorchEnum,
  TorchFunction,
  TorchObject,
  TorchScalar,
  TorchTensor,
  TorchToken,
  TorchValue,
} from './tensors/torch-value.js'
