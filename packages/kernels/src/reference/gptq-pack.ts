import { ALL_FINITE, type KernelResult } from '../kernel.js'
import { floatReader, viewOf } from './float-access.js'
import type { FloatDtype } from './float-formats.js'
import { int32sOf } from './gptq-grid.js'
import { type PackNibblesParams, packNibbles } from './pack-nibbles.js'

/** Codes in bit streams that run down the rows of words int32 [ceil(columns * bits / 32), rows]. */
export interface PackColumnsParams {
  /** 2, 3, 4 or 8. */
  readonly bits: number
  readonly rows: number
  readonly columns: number
}

/** Some rows out of a packed matrix of `totalRows`. */
export interface PackedRowsParams {
  /** 2, 3, 4 or 8. */
  readonly bits: number
  readonly totalRows: number
  readonly columns: number
  /** First row wanted, and how many. */
  readonly first: number
  readonly rows: number
}

export interface UnpackColumnsParams extends PackedRowsParams {
  /** Bytes of a row of the result, at least `columns`; zeros after the last column. */
  readonly rowBytes: number
  /** Subtracted from every code, modulo 256. */
  readonly subtract: number
}

export interface RepackColumnsParams extends PackedRowsParams, Pick<PackNibblesParams, 'blockSize'> {
  /** Subtracted from every code, which is from -8 to 7 then. */
  readonly subtract: number
}

export interface DequantizeColumnsParams extends PackedRowsParams {
  readonly groups: number
  /** Without a group map, column k belongs to group floor(k / groupSize). */
  readonly groupSize: number
  readonly scaleDtype: FloatDtype
  /** True: zero points are stored less one. */
  readonly minusOne: boolean
}

export const wordsFor = (count: number, bits: number): number => Math.ceil((count * bits) / 32)

/** Code `index` of a little-endian bit stream; `word` reads its words as unsigned numbers. */
function streamCode(bits: number, index: number, word: (index: number) => number): number {
  const bit = index * bits
  const at = Math.floor(bit / 32)
  const shift = bit % 32
  let code = word(at) >>> shift
  if (shift + bits > 32) code |= word(at + 1) << (32 - shift)
  return code & (2 ** bits - 1)
}

/** codes uint8 [rows, columns] -> words. */
export function packColumns(
  { bits, rows, columns }: PackColumnsParams,
  [codes]: readonly Uint8Array[],
  [words]: readonly Uint8Array[],
): KernelResult {
  const view = viewOf(words!)
  words!.fill(0)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let i = 0; i < bits; i++) {
        const bit = column * bits + i
        const at = (Math.floor(bit / 32) * rows + row) * 4
        const set = (codes![row * columns + column]! >> i) & 1
        view.setUint32(at, (view.getUint32(at, true) | (set << (bit % 32))) >>> 0, true)
      }
    }
  }
  return ALL_FINITE
}

/** words, and optionally order int32 [columns] -> codes uint8 [rows, rowBytes]; position p takes column order[p]. */
export function unpackColumns(
  { bits, totalRows, columns, first, rows, rowBytes, subtract }: UnpackColumnsParams,
  [words, order]: readonly Uint8Array[],
  [codes]: readonly Uint8Array[],
): KernelResult {
  const view = viewOf(words!)
  const columnAt = order === undefined ? undefined : int32sOf(order)
  codes!.fill(0)
  for (let row = 0; row < rows; row++) {
    const word = (at: number) => view.getUint32((at * totalRows + first + row) * 4, true)
    for (let p = 0; p < columns; p++) {
      codes![row * rowBytes + p] = streamCode(bits, columnAt?.[p] ?? p, word) - subtract
    }
  }
  return ALL_FINITE
}

/** words, and optionally order -> codes two a byte, as `packNibbles` puts them. */
export function repackColumns(
  params: RepackColumnsParams,
  inputs: readonly Uint8Array[],
  outputs: readonly Uint8Array[],
): KernelResult {
  const { rows, columns } = params
  const codes = new Uint8Array(rows * columns)
  unpackColumns({ ...params, rowBytes: columns }, inputs, [codes])
  return packNibbles(params, [codes], outputs)
}

/** What the packed fields of a word hold more than the file says, when zero points are stored less one. */
const ONES: Readonly<Record<number, number>> = { 2: 0x55555555, 4: 0x11111111, 8: 0x01010101 }

/** Zero point `row` of one group, whose words `word` reads. A field of 0 less one has borrowed from its neighbour. */
function storedZero(bits: number, minusOne: boolean, row: number, word: (index: number) => number): number {
  const ones = ONES[bits]
  if (!minusOne) return streamCode(bits, row, word)
  if (ones === undefined) return (streamCode(bits, row, word) + 1) % 2 ** bits
  return streamCode(bits, row, (at) => (word(at) + ones) >>> 0)
}

/**
 * words, zero points int32 [groups, ceil(totalRows * bits / 32)], scales [groups, totalRows], and optionally groupOf int32
 * [columns] (negative entries count from the end) -> float32 [rows, columns], (code − zero) · scale.
 */
export function dequantizeColumns(
  params: DequantizeColumnsParams,
  [words, zeroPoints, scales, groupOf]: readonly Uint8Array[],
  [values]: readonly Uint8Array[],
): KernelResult {
  const { bits, totalRows, columns, first, rows, groups, groupSize, scaleDtype, minusOne } = params
  const codes = viewOf(words!)
  const zeros = viewOf(zeroPoints!)
  const scaleAt = floatReader(scaleDtype, scales!)
  const map = groupOf === undefined ? undefined : int32sOf(groupOf)
  const out = viewOf(values!)
  const zeroWords = wordsFor(totalRows, bits)
  for (let row = 0; row < rows; row++) {
    const n = first + row
    const word = (at: number) => codes.getUint32((at * totalRows + n) * 4, true)
    for (let k = 0; k < columns; k++) {
      const named = map?.[k] ?? Math.floor(k / groupSize)
      const group = Math.min(Math.max(named < 0 ? named + groups : named, 0), groups - 1)
      const zeroWord = (at: number) => zeros.getUint32((group * zeroWords + at) * 4, true)
      const difference = streamCode(bits, k, word) - storedZero(bits, minusOne, n, zeroWord)
      out.setFloat32((row * columns + k) * 4, difference * scaleAt(group * totalRows + n), true)
    }
  }
  return ALL_FINITE
}
