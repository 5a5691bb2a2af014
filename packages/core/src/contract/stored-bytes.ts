/** Bytes that do not lie one after the other, such as some columns of a matrix. */
export interface ByteSpacing {
  /** Length of each piece; a whole number of them makes the bytes. */
  readonly pieceBytes: number
  /** From the beginning of a piece to that of the next one; at least `pieceBytes`. */
  readonly strideBytes: number
}

/** Bytes where they lie, in an open file or in memory, as kernels read them. */
export type StoredBytes = {
  /** Without what lies between spaced pieces. */
  readonly byteLength: number
  readonly spacing?: ByteSpacing
} & (
  | { readonly fd: number; readonly position: number }
  | { readonly buffer: SharedArrayBuffer | ArrayBuffer; readonly byteOffset: number }
)
