import {
  blockScales,
  blockZeros,
  type ConstantPiece,
  groupOfBlock,
  type LoweringInput,
  packCodes,
  rangeOf,
  rowPieces,
  type StoredBytes,
  sharedBytes,
} from '@hfquant/core'
import { rangeWithin, runKernel, widenFloats } from '@hfquant/kernels'
import { int32s } from '../format/int32s.js'
import { groupCount } from '../format/layout.js'
import { unpackZeroPoints } from '../format/zero-points.js'
import type { PackedLayout } from './mat-mul-n-bits.js'

/** Codes [rows, blocks, blockSize * container / 8]; what pads the last block of a row meets no activation. */
export async function* codeChunks(layer: LoweringInput, layout: PackedLayout): AsyncGenerator<Uint8Array> {
  const { rows, columns, container, blockSize, blocks, order } = layout
  const words = await layer.read('qweight')
  const inputs = order == null ? [words] : [words, orderBytes(order)]
  for (const [first, end] of rowPieces(rows, blocks * blockSize)) {
    const { kernel, params } = unpacking(layout, first, end)
    const codes = new Uint8Array((end - first) * unpackedBytes(layout))
    runKernel(kernel, params, inputs, [codes])
    yield container === 2 ? packCodes(codes, end - first, { columns, bits: 2, blockSize }) : codes
  }
}

/** Bytes of a row as kernels unpack it: codes of 2 bits are packed again afterwards. */
const unpackedBytes = ({ columns, container, blocks, blockSize }: PackedLayout): number =>
  container === 2 ? columns : (blocks * blockSize * container) / 8

/** The call that unpacks some rows, and packs four bits again. */
function unpacking(layout: PackedLayout, first: number, end: number) {
  const { bits, rows: totalRows, columns, container, blockSize, symmetric } = layout
  const some = { bits, totalRows, columns, first, rows: end - first }
  if (container !== 4) {
    const params = { ...some, rowBytes: unpackedBytes(layout), subtract: 0 }
    return { kernel: 'unpackColumns', params }
  }
  // A symmetric zero point of fewer bits moves to 8, so that the operator needs none.
  const subtract = symmetric ? 2 ** (bits - 1) : 8
  return { kernel: 'repackColumns', params: { ...some, blockSize, subtract } }
}

/** Codes that one kernel makes at once. */
const KERNEL_BYTES = 2 ** 24

/** The codes as kernels make them. */
export function codePieces(
  { source }: LoweringInput,
  layout: PackedLayout,
): readonly ConstantPiece[] | undefined {
  const stored = layout.container === 2 ? undefined : source?.('qweight')
  if (stored === undefined) return undefined
  return isAsStored(layout) ? turnedWords(stored, layout) : unpackedRows(stored, layout)
}

/** A stored word holds 8 or 4 codes of a row, the first in its lowest bits, as 4 bytes of the result do. */
const isAsStored = ({ bits, columns, container, blockSize, order }: PackedLayout): boolean =>
  bits === container && order == null && columns % blockSize === 0 && (columns * bits) % 32 === 0

/** Words [K/8 or K/4, N] are transposed, and that is all. */
function turnedWords(stored: StoredBytes, { bits, rows, columns }: PackedLayout): readonly ConstantPiece[] {
  const words = (columns * bits) / 32
  return [...rowPieces(rows, words * 4, KERNEL_BYTES)].map(([first, end]) => {
    const count = end - first
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

/** Codes of other widths, or in another order: each call reads all words. */
function unpackedRows(stored: StoredBytes, layout: PackedLayout): readonly ConstantPiece[] {
  const { rows, columns, order } = layout
  const inputs = order == null ? [stored] : [stored, rangeOf(sharedBytes(orderBytes(order)))]
  const rowBytes = unpackedBytes(layout)
  return [...rowPieces(rows, columns, KERNEL_BYTES)].map(([first, end]) => ({
    ...unpacking(layout, first, end),
    inputs,
    output: { offset: first * rowBytes, byteLength: (end - first) * rowBytes },
  }))
}

const orderBytes = ({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** The scale of each block, as float32: that of the group it lies in. */
export async function* scaleChunks(layer: LoweringInput, layout: PackedLayout): AsyncGenerator<Uint8Array> {
  const { rows, scaleDtype, blocks, blockSize, groupSize } = layout
  const scales = widenFloats(await layer.read('scales'), scaleDtype)
  const scaleOf = (row: number, block: number) =>
    scales[groupOfBlock(block, blockSize, groupSize) * rows + row]!
  yield* blockScales(rows, blocks, scaleOf)
}

/** The zero point of each block. */
export async function* zeroPointChunks(
  layer: LoweringInput,
  layout: PackedLayout,
): AsyncGenerator<Uint8Array> {
  const { rows, columns, groupSize, bits, container, blocks, blockSize } = layout
  const words = int32s(await layer.read('qzeros'))
  const zeros = unpackZeroPoints(words, groupCount(columns, groupSize), rows, bits, layout.zeroPoints)
  const zeroOf = (row: number, block: number) =>
    zeros[groupOfBlock(block, blockSize, groupSize) * rows + row]!
  yield* blockZeros(rows, blocks, container, zeroOf)
}
