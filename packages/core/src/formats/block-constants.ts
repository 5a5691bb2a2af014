import { runKernel } from '@hfquant/kernels'
import type { CodeBits } from './block-product.js'

/** Constants are made in pieces of about this size. */
const PIECE_BYTES = 2 ** 20

/** Ranges of rows [first, end) of about `pieceBytes`, by default a megabyte, each at least one row. */
export function* rowPieces(
  rows: number,
  rowBytes: number,
  pieceBytes: number = PIECE_BYTES,
): Generator<readonly [first: number, end: number]> {
  const step = Math.max(1, Math.floor(pieceBytes / Math.max(rowBytes, 1)))
  for (let first = 0; first < rows; first += step) yield [first, Math.min(first + step, rows)]
}

/** float32 [rows, blocks], in pieces. */
export async function* blockScales(
  rows: number,
  blocks: number,
  scaleOf: (row: number, block: number) => number,
): AsyncGenerator<Uint8Array> {
  for (const [first, end] of rowPieces(rows, blocks * 4)) {
    const piece = new Float32Array((end - first) * blocks)
    let at = 0
    for (let row = first; row < end; row++) {
      for (let block = 0; block < blocks; block++) piece[at++] = scaleOf(row, block)
    }
    yield new Uint8Array(piece.buffer)
  }
}

/** Zero points [rows, blocks] packed like codes, in pieces; every row begins with a new byte. */
export async function* blockZeros(
  rows: number,
  blocks: number,
  bits: CodeBits,
  zeroOf: (row: number, block: number) => number,
  signed = false,
): AsyncGenerator<Uint8Array> {
  for (const [first, end] of rowPieces(rows, blocks)) {
    const piece = new Uint8Array((end - first) * blocks)
    let at = 0
    for (let row = first; row < end; row++) {
      for (let block = 0; block < blocks; block++) piece[at++] = zeroOf(row, block)
    }
    yield packCodes(piece, end - first, { columns: blocks, bits, blockSize: 8 / bits, signed })
  }
}

/** How codes are packed. */
export interface PackedRows {
  /** Codes of a row. */
  readonly columns: number
  readonly bits: CodeBits
  /** Rows are padded to multiples of it; what pads them meets no activation. By default they are as they are. */
  readonly blockSize?: number
  /** True for codes from -2^(bits - 1) on, which are moved up; false for codes from 0 on. */
  readonly signed?: boolean
}

/** One code a byte, [rows, columns] -> packed, the first of a byte in its lowest bits. */
export function packCodes(
  codes: Uint8Array,
  rows: number,
  { columns, bits, blockSize = columns, signed = false }: PackedRows,
): Uint8Array {
  const width = Math.ceil(columns / blockSize) * blockSize
  if (bits === 4) {
    const packed = new Uint8Array((rows * width) / 2)
    // The kernel takes codes from -8 to 7.
    const around0 = signed ? codes : codes.map((code) => code - 8)
    runKernel('packNibbles', { rows, columns, blockSize }, [around0], [packed])
    return packed
  }
  const above0 = signed ? moveUp(codes, bits) : codes
  const padded = padRows(above0, rows, columns, width)
  return bits === 8 ? padded : packQuarters(padded)
}

/** Packed codes, the first of a byte in its lowest bits -> one code a byte. */
export function unpackCodes(packed: Uint8Array, bits: CodeBits): Uint8Array {
  const [perByte, mask] = [8 / bits, 2 ** bits - 1]
  const codes = new Uint8Array(packed.length * perByte)
  for (let at = 0; at < codes.length; at++)
    codes[at] = (packed[Math.floor(at / perByte)]! >> (bits * (at % perByte))) & mask
  return codes
}

function moveUp(codes: Uint8Array, bits: CodeBits): Uint8Array {
  if (bits !== 8) return codes.map((code) => code + 2 ** (bits - 1))
  const moved = new Uint8Array(codes.length)
  runKernel('offsetCodes', { bits: 8 }, [codes], [moved])
  return moved
}

/** Rows of `columns` bytes as rows of `width`, with zeros behind them. */
export function padRows(codes: Uint8Array, rows: number, columns: number, width: number): Uint8Array {
  if (width === columns) return codes
  const padded = new Uint8Array(rows * width)
  for (let row = 0; row < rows; row++) {
    padded.set(codes.subarray(row * columns, (row + 1) * columns), row * width)
  }
  return padded
}

function packQuarters(codes: Uint8Array): Uint8Array {
  const packed = new Uint8Array(codes.length / 4)
  for (let at = 0; at < codes.length; at++) packed[at >> 2]! |= codes[at]! << (2 * (at & 3))
  return packed
}
