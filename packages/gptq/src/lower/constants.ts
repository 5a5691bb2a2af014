import { createHash } from 'node:crypto'
import type { ConstantPiece, ConstantTensor, LoweringInput } from '@hfquant/core'
import { rangeWithin, runKernel, widenFloats } from '@hfquant/kernels'
import { int32s } from '../format/int32s.js'
import { groupCount } from '../format/layout.js'
import { unpackZeroPoints } from '../format/zero-points.js'
import type { PackedLayout } from './mat-mul-n-bits.js'

/** Constants are made in pieces of about this size. */
const PIECE_BYTES = 2 ** 20

/** An order of channels as indices of a `Gather`; equal orders are one constant. */
export function orderConstant(order: Int32Array): ConstantTensor {
  const bytes = new Uint8Array(BigInt64Array.from(order, BigInt).buffer)
  return {
    name: `channel_order.${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`,
    dtype: 'int64',
    shape: [order.length],
    chunks: async function* () {
      yield bytes
    },
  }
}

/** Codes [rows, blocks, blockSize * container / 8]; what pads the last block of a row meets no activation. */
export async function* codeChunks(layer: LoweringInput, layout: PackedLayout): AsyncGenerator<Uint8Array> {
  const { bits, rows: totalRows, columns, container, blockSize, blocks, symmetric, order } = layout
  const words = await layer.read('qweight')
  const inputs =
    order == null ? [words] : [words, new Uint8Array(order.buffer, order.byteOffset, order.byteLength)]
  const width = blocks * blockSize
  for (const [first, rows] of pieces(totalRows, width)) {
    const rowBytes = container === 4 ? columns : width
    // `packNibbles` adds 8. A symmetric zero point of fewer bits moves to 8, so that the operator needs none.
    const subtract = container !== 4 ? 0 : symmetric ? 2 ** (bits - 1) : 8
    const codes = new Uint8Array(rows * rowBytes)
    runKernel('unpackColumns', { bits, totalRows, columns, first, rows, rowBytes, subtract }, inputs, [codes])
    if (container === 8) yield codes
    else if (container === 4) yield packNibbles(codes, rows, columns, blockSize)
    else yield packQuarters(codes, rows, width)
  }
}

/** Rows that one kernel transposes at once. */
const KERNEL_BYTES = 2 ** 24

/**
 * Codes of 4 bits as kernels make them: a stored word holds 8 codes of a row, the first in its lowest bits, as 4 bytes of
 * the result do. Words [K/8, N] are transposed, and that is all.
 */
export function codePieces(
  { source }: LoweringInput,
  { bits, rows, columns, container, blockSize, order }: PackedLayout,
): readonly ConstantPiece[] | undefined {
  const isWhole = columns % blockSize === 0 && columns % CODES_IN_WORD === 0
  const stored = bits === 4 && container === 4 && order == null && isWhole ? source?.('qweight') : undefined
  if (stored === undefined) return undefined
  const words = columns / CODES_IN_WORD
  const step = Math.max(1, Math.floor(KERNEL_BYTES / (words * 4)))
  return [...steps(rows, step)].map(([first, count]) => {
    const byteLength = words * count * 4
    const spacing = { pieceBytes: count * 4, strideBytes: rows * 4 }
    return {
      kernel: 'transposeFloats',
      params: { dtype: 'float32', rows: words, columns: count },
      inputs: [rangeWithin(stored, first * 4, byteLength, spacing)],
      output: { offset: first * words * 4, byteLength },
    }
  })
}

const CODES_IN_WORD = 8

/** The scale of each block, as float32: that of the group it lies in. */
export async function* scaleChunks(layer: LoweringInput, layout: PackedLayout): AsyncGenerator<Uint8Array> {
  const { rows: totalRows, scaleDtype, blocks } = layout
  const scales = widenFloats(await layer.read('scales'), scaleDtype)
  for (const [first, rows] of pieces(totalRows, blocks * 4)) {
    const piece = new Float32Array(rows * blocks)
    for (const [at, block, row] of cells(rows, blocks)) {
      piece[at] = scales[groupOfBlock(block, layout) * totalRows + first + row]!
    }
    yield new Uint8Array(piece.buffer)
  }
}

/** The zero point of each block, packed like the codes; every row begins with a new byte. */
export async function* zeroPointChunks(
  layer: LoweringInput,
  layout: PackedLayout,
): AsyncGenerator<Uint8Array> {
  const { rows: totalRows, columns, groupSize, bits, container, blocks } = layout
  const words = int32s(await layer.read('qzeros'))
  const zeros = unpackZeroPoints(words, groupCount(columns, groupSize), totalRows, bits, layout.zeroPoints)
  for (const [first, rows] of pieces(totalRows, blocks)) {
    const piece = new Uint8Array(rows * blocks)
    const shift = container === 4 ? 8 : 0
    for (const [at, block, row] of cells(rows, blocks)) {
      piece[at] = zeros[groupOfBlock(block, layout) * totalRows + first + row]! - shift
    }
    if (container === 8) yield piece
    else if (container === 4) yield packNibbles(piece, rows, blocks, 2)
    else yield packQuarters(piece, rows, blocks)
  }
}

const groupOfBlock = (block: number, { blockSize, groupSize, columns }: PackedLayout): number =>
  Math.min(Math.floor((block * blockSize) / groupSize), groupCount(columns, groupSize) - 1)

function packNibbles(codes: Uint8Array, rows: number, columns: number, blockSize: number): Uint8Array {
  const packed = new Uint8Array((rows * Math.ceil(columns / blockSize) * blockSize) / 2)
  runKernel('packNibbles', { rows, columns, blockSize }, [codes], [packed])
  return packed
}

/** Four codes of 2 bits to a byte, the first in the lowest bits; every row begins with a new byte. */
function packQuarters(codes: Uint8Array, rows: number, columns: number): Uint8Array {
  const rowBytes = Math.ceil(columns / 4)
  const packed = new Uint8Array(rows * rowBytes)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      packed[row * rowBytes + (column >> 2)]! |= codes[row * columns + column]! << (2 * (column & 3))
    }
  }
  return packed
}

function* cells(
  rows: number,
  columns: number,
): Generator<readonly [at: number, column: number, row: number]> {
  for (let at = 0; at < rows * columns; at++) yield [at, at % columns, Math.floor(at / columns)]
}

/** [first, count] of row ranges of about PIECE_BYTES. */
function* pieces(rows: number, rowBytes: number): Generator<readonly [first: number, count: number]> {
  yield* steps(rows, Math.max(1, Math.floor(PIECE_BYTES / Math.max(rowBytes, 1))))
}

function* steps(rows: number, step: number): Generator<readonly [first: number, count: number]> {
  for (let first = 0; first < rows; first += step) yield [first, Math.min(step, rows - first)]
}
