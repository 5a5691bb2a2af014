import { CODES_IN_WORD } from './layout.js'
import { GEMM_FIELDS } from './unpack-codes.js'

/** Codes or zero points, one a byte, [rows, columns] -> int32 words [columns, rows / 8] of the arrangement gemm. */
export function packGemm(codes: Uint8Array, rows: number, words: Int32Array): void {
  const columns = codes.length / rows
  const width = rows / CODES_IN_WORD
  words.fill(0)
  for (let row = 0; row < rows; row++) {
    const shift = 4 * GEMM_FIELDS[row % CODES_IN_WORD]!
    let at = Math.floor(row / CODES_IN_WORD)
    for (let code = row * columns; code < (row + 1) * columns; code++, at += width) {
      words[at] = words[at]! | (codes[code]! << shift)
    }
  }
}
