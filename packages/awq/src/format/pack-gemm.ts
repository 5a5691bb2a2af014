import { AWQ_GEMM_SHIFTS } from '@hfquant/kernels'
import { CODES_IN_WORD } from './layout.js'

/** Codes or zero points, one a byte, [rows, columns] -> int32 words [columns, rows / 8] of the arrangement gemm. */
export function packGemm(codes: Uint8Array, rows: number, words: Int32Array): void {
  const columns = codes.length / rows
  const width = rows / CODES_IN_WORD
  for (let column = 0, at = 0; column < columns; column++) {
    for (let first = 0; first < width; first++, at++) {
      let word = 0
      for (let row = 0; row < CODES_IN_WORD; row++) {
        word |= codes[(first * CODES_IN_WORD + row) * columns + column]! << AWQ_GEMM_SHIFTS[row]!
      }
      words[at] = word
    }
  }
}
