import type { KernelResult } from '../kernel.js'

export interface PackNibblesParams {
  readonly rows: number
  readonly columns: number
  /** Rows are padded to a multiple of this many columns; even. */
  readonly blockSize: number
}

/** Bytes of one packed row, padding included. */
export function nibbleRowBytes({ columns, blockSize }: PackNibblesParams): number {
  return (Math.ceil(columns / blockSize) * blockSize) / 2
}

/**
 * Weight layout of ONNX Runtime's `MatMulNBits` with 4 bits: codes int8 [rows, columns] of -8..7 -> uint8
 * [rows, ceil(columns / blockSize) * blockSize / 2], code + 8, even column in the low nibble, zeros after the last. Counts
 * codes that are others.
 */
export function packNibbles(
  params: PackNibblesParams,
  [codes]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const rowBytes = nibbleRowBytes(params)
  result!.fill(0)
  let wide = 0
  for (let row = 0; row < params.rows; row++) {
    for (let column = 0; column < params.columns; column++) {
      const moved = (codes![row * params.columns + column]! + 8) & 0xff
      const nibble = moved & 15
      if (moved > 15) wide += 1
      const at = row * rowBytes + (column >> 1)
      result![at] = result![at]! | (column % 2 === 0 ? nibble : nibble << 4)
    }
  }
  return { nonFinite: wide }
}
