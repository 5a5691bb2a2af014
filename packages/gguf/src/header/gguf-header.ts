import type { GgufBlockType } from '../block-types.js'
import type { GgufMetadata } from './gguf-value.js'

/** One tensor of a file: rows of blocks, row-major, little endian. */
export interface GgufTensor {
  readonly name: string
  readonly type: GgufBlockType
  /** Sizes, outermost first as in PyTorch (the file has them the other way round); empty for a scalar. */
  readonly shape: readonly number[]
  /** Position of the first byte, counted from the start of the file. */
  readonly byteOffset: number
  readonly byteLength: number
}

/** What a header says, checked. */
export interface GgufHeader {
  readonly version: 2 | 3
  /** Tensors begin at multiples of this, counted from `dataOffset`. */
  readonly alignment: number
  /** The first byte behind the table of tensors that is a multiple of the alignment. */
  readonly dataOffset: number
  readonly metadata: GgufMetadata
  /** In the order of the table. */
  readonly tensors: ReadonlyMap<string, GgufTensor>
}
