import type { WeightInfo } from '@hfquant/core'
import { AWQ_GEMM_SHIFTS } from '@hfquant/kernels'
import { type Arrangement, CODES_IN_WORD } from './layout.js'

/** Rows of a weight. */
export interface RowRange {
  readonly first: number
  readonly count: number
}

/** Codes uint8 [count, K] of some rows. `words` are those of the whole weight. */
export function unpackCodes(
  words: Uint8Array,
  arrangement: Arrangement,
  { outFeatures, inFeatures }: Pick<WeightInfo, 'outFeatures' | 'inFeatures'>,
  { first, count }: RowRange,
): Uint8Array {
  const codes = new Uint8Array(count * inFeatures)
  if (arrangement === 'gemm') unpackGemm(words, outFeatures, inFeatures, first, codes)
  else {
    const unpackRow = arrangement === 'gemv' ? gemvRows(words, inFeatures) : gemvFastRows(words, inFeatures)
    for (let row = 0; row < count; row++) {
      unpackRow(first + row, codes.subarray(row * inFeatures, (row + 1) * inFeatures))
    }
  }
  return codes
}

/** Words [K, N / 8] run along the rows of the weight: each is read once, for all of its rows. */
function unpackGemm(
  { buffer, byteOffset, byteLength }: Uint8Array,
  rows: number,
  columns: number,
  first: number,
  codes: Uint8Array,
): void {
  const words = new Int32Array(buffer, byteOffset, byteLength / 4)
  const width = rows / CODES_IN_WORD
  const end = first + codes.length / columns
  const [left, right] = [Math.floor(first / CODES_IN_WORD), Math.ceil(end / CODES_IN_WORD)]
  for (let column = 0; column < columns; column++) {
    for (let at = left; at < right; at++) {
      const word = words[column * width + at]!
      const row = at * CODES_IN_WORD
      const [start, stop] = [Math.max(row, first), Math.min(row + CODES_IN_WORD, end)]
      for (let each = start; each < stop; each++) {
        codes[(each - first) * columns + column] = (word >>> AWQ_GEMM_SHIFTS[each - row]!) & 15
      }
    }
  }
}

type RowReader = (row: number, codes: Uint8Array) => void

/** Words [N, K / 8], the first code in the lowest bits: bytes of two codes each. */
const gemvRows =
  (bytes: Uint8Array, columns: number): RowReader =>
  (row, codes) => {
    const start = (row * columns) / 2
    for (let column = 0; column < codes.length; column += 2) {
      const pair = bytes[start + column / 2]!
      codes[column] = pair & 15
      codes[column + 1] = pair >> 4
    }
  }

/** Columns that the arrangement gemv_fast keeps together. */
export const FAST_COLUMNS = 64

/** Words of 16 bits [N / 4, K]: four rows together, 64 columns at a time, in the order in which a kernel reads them. */
const gemvFastRows = (bytes: Uint8Array, columns: number): RowReader => {
  const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2)
  return (row, codes) => {
    const line = Math.floor(row / 4) * columns
    const inLine = FAST_COLUMNS * (row % 4)
    for (let column = 0; column < codes.length; column++) {
      const field = inLine + FAST_FIELDS[column % FAST_COLUMNS]!
      const word = words[line + (column - (column % FAST_COLUMNS)) + (field >> 2)]!
      codes[column] = (word >> (4 * (field & 3))) & 15
    }
  }
}

/** The field, among those of a row, that holds each of the columns that lie together. */
const FAST_FIELDS = Array.from({ length: FAST_COLUMNS }, (_, column) => {
  const k = column % 32
  const order = 8 * ((k >> 1) % 4) + 2 * (k >> 3) + (k % 2)
  return 32 * (column >> 5) + 8 * (order >> 3) + 4 * (order % 2) + ((order % 8) >> 1)
})
