import type { SafetensorsDtype } from '../dtypes.js'

/** One tensor of a file: row-major, little endian. */
export interface TensorEntry {
  readonly name: string
  readonly dtype: SafetensorsDtype
  /** Sizes, outermost first; empty for a scalar. */
  readonly shape: readonly number[]
  /** Position of the first byte, counted from the start of the file. */
  readonly byteOffset: number
  readonly byteLength: number
}

/** What a header says, checked. */
export interface SafetensorsHeader {
  /** Length field, JSON and padding together: the data begins here. */
  readonly dataOffset: number
  /** In file order of the keys; no prototype. Empty when the file has none. */
  readonly metadata: Readonly<Record<string, string>>
  /** In the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>
}
