export { blockBytes, blockTypeId, blockValues, type GgufBlockType, ggufBlockTypes } from './block-types.js'
export { dequantizeBlocks } from './dequantize/dequantize-blocks.js'
export {
  type BlockScales,
  blockIntegers,
  blockScales,
  type GgufIntegerType,
  integersOf,
  isIntegerType,
} from './dequantize/split-blocks.js'
export { GgufError, type GgufErrorCode, type GgufErrorDetails } from './errors.js'
export type { GgufHeader, GgufTensor } from './header/gguf-header.js'
export type { GgufStrings } from './header/gguf-strings.js'
export type { GgufMetadata, GgufNumberArrays, GgufValue, GgufValueType } from './header/gguf-value.js'
export { MAX_HEADER_BYTES } from './header/header-cursor.js'
export { type ParseHeaderOptions, parseGgufHeader } from './header/parse-gguf-header.js'
export type { TensorRange } from './read/byte-range.js'
export { type GgufFile, openGguf, type ReadOptions, type StreamOptions } from './read/open-gguf.js'
export { type GgufCheckpoint, openGgufCheckpoint } from './read/open-gguf-checkpoint.js'
