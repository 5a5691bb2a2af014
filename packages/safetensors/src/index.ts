export { dtypeBits, isSafetensorsDtype, type SafetensorsDtype, safetensorsDtypes } from './dtypes.js'
export { SafetensorsError, type SafetensorsErrorCode, type SafetensorsErrorDetails } from './errors.js'
export type { JsonValue } from './header/json-cursor.js'
export { type ParseHeaderOptions, parseSafetensorsHeader } from './header/parse-safetensors-header.js'
export { MAX_HEADER_BYTES } from './header/read-header-length.js'
export type { SafetensorsHeader, TensorEntry } from './header/tensor-entry.js'
export type { TensorRange } from './read/byte-range.js'
export { isHubBlob } from './read/hub-blob.js'
export {
  openSafetensorsCheckpoint,
  openSafetensorsIndex,
  openSafetensorsSingle,
  type SafetensorsCheckpoint,
} from './read/open-checkpoint.js'
export {
  openSafetensors,
  type ReadOptions,
  type SafetensorsFile,
  type StreamOptions,
} from './read/open-safetensors.js'
export { parseSafetensorsIndex, type SafetensorsIndex } from './read/parse-safetensors-index.js'
export { type StandIn, standInOf } from './read/stand-in.js'
export { createSafetensorsFile, type SafetensorsFileWriter } from './write/create-safetensors-file.js'
export { formatSafetensorsIndex, type SafetensorsIndexJson } from './write/format-safetensors-index.js'
export type { FileLayout, TensorSpec } from './write/layout-file.js'
export { type CheckpointLayout, type LayoutOptions, layoutSafetensors } from './write/layout-safetensors.js'
export { type Writer, writeFully } from './write/write-fully.js'
export { type TensorWithData, writeSafetensors } from './write/write-safetensors.js'
