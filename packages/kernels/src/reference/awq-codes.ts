import { ALL_FINITE, type KernelResult } from '../kernel.js'

export interface AwqCodesParams {
  /** A multiple of 8. */
  readonly rows: number
  /** A multiple of 8. */
  readonly columns: number
}

/** Where the code of each of its eight rows begins in a word of AWQ's gemm arrangement. */
export const AWQ_GEMM_SHIFTS: readonly number[] = [0, 16, 4, 20, 8, 24, 12, 28]

/** Words int32 [columns, rows / 8], eight rows each -> uint8 [rows, columns / 2], the code of an even column in the low half. */
export function awqCodes(
  { rows, columns }: AwqCodesParams,
  [stored]: readonly Uint8Array[],
  [result]: readonly Uint8Array[],
): KernelResult {
  const words = new DataView(stored!.buffer, stored!.byteOffset, stored!.byteLength)
  const codeOf = (row: number, column: number) => {
    const at = column * (rows / 8) + Math.floor(row / 8)
    return (words.getInt32(4 * at, true) >>> AWQ_GEMM_SHIFTS[row % 8]!) & 15
  }
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += 2) {
      result![(row * columns + column) / 2] = codeOf(row, column) | (codeOf(row, column + 1) << 4)
    }
  }
  return ALL_FINITE
}
