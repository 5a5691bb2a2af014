import type { WeightInfo } from '@hfquant/core'
import { type Arrangement, CODES_IN_WORD } from './layout.js'

/** Rows of a weight. */
export interface RowRange {
  readonly first: number
  readonly count: number
}

/** The field of a gemm word that holds each of its eight rows. */
export const GEMM_FIELDS = [0, 4, 1, 5, 2, 6, 3, 7]

/** Codes uint8 [count, K] of some rows. `words` are those of the whole weight. */
export function unpackCodes(
  words: Uint8Array,
  arrangement: Arrangement,
  { outFeatures, inFeatures }: Pick<WeightInfo, 'outFeatures' | 'inFeatures'>,
  { first, count }: RowRange,
): Uint8Array {
  const codes = new Uint8Array(count * inFeatures)
  const unpackRow = ROWS[arrangement](words, outFeatures, inFeatures)
  for (let row = 0; row < count; row++) {
    unpackRow(first + row, codes.subarray(row * inFeatures, (row + 1) * inFeatures))
  }
  return codes
}

type RowReader = (row: number, codes: Uint8Array) => void
type ReaderOf = (words: Uint8Array, rows: number, columns: number) => RowReader

/** Words [K, N / 8] run along the rows of the weight. */
const gemmRows: ReaderOf = (bytes, rows) => {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  const width = rows / CODES_IN_WORD
  return (row, codes) => {
    const shift = 4 * GEMM_FIELDS[row % CODES_IN_WORD]!
    let at = Math.floor(row / CODES_IN_WORD)
    for (let column = 0; column < codes.length; column++, at += width) {
      codes[column] = (words[at]! >>> shift) & 15
    }
  }
}

/** Words [N, K / 8], the first code in the lowest bits: bytes of two codes each. */
const gemvRows: ReaderOf = (bytes, _rows, columns) => (row, codes) => {
  const start = (row * columns) / 2
  for (let column = 0; column < codes.length; column += 2) {
    const pair = bytes[start + column / 2]!
    codes[column] = pair & 15
    codes[column + 1] = pair >> 4
  }
}

/** Words of 16 bits [N / 4, K]: four rows together, 64 columns at a time, in the order in which a kernel reads them. */
const gemvFastRows: ReaderOf = (bytes, _rows, columns) => {
  const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2)
  return (row, codes) => {
    const line = Math.floor(row / 4) * columns
    const inLine = 64 * (row % 4)
    for (let column = 0; column < codes.length; column++) {
      const field = inLine + FAST_FIELDS[column % 64]!
      const word = words[line + (column - (column % 64)) + (field >> 2)]!
      codes[column] = (word >> (4 * (field & 3))) & 15
    }
  }
}

/** The field, among those of a row, that holds each of 64 columns. */
const FAST_FIELDS = Array.from({ length: 64 }, (_, column) => {
  const k = column % 32
  const order = 8 * ((k >> 1) % 4) + 2 * (k >> 3) + (k % 2)
  return 32 * (column >> 5) + 8 * (order >> 3) + 4 * (order % 2) + ((order % 8) >> 1)
})

const ROWS: Readonly<Record<Arrangement, ReaderOf>> = {
  gemm: gemmRows,
  gemv: gemvRows,
  gemv_fast: gemvFastRows,
}
