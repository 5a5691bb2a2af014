import {
  blockScales,
  blockZeros,
  type ConstantPiece,
  groupOfBlock,
  type LoweringInput,
  packCodes,
  rowPieces,
} from '@hfquant/core'
import { rangeWithin, runKernel, widenFloats } from '@hfquant/kernels'
import { int32s } from '../format/int32s.js'
import { groupCount } from '../format/layout.js'
import { unpackZeroPoints } from '../format/zero-points.js'
import type { PackedLayout } from './mat-mul-n-bits.js'

/** Codes [rows, blocks, blockSize * container / 8]; what pads the last block of a row meets no activation. */
export async function* codeChunks(layer: LoweringInput, layout: PackedLayout): AsyncGenerator<Uint8Array> {
  const { bits, rows: totalRows, columns, container, blockSize, blocks, symmetric, order } = layout
  const words = await layer.read('qweight')
  const inputs =
    order == null ? [words] : [words, new Uint8Array(order.buffer, order.byteOffset, order.byteLength)]
  // A symmetric zero point of fewer bits moves to 8, so that the operator needs none.
  const subtract = container !== 4 ? 0 : symmetric ? 2 ** (bits - 1) : 8
  const packed = { columns, bits: container, blockSize, signed: subtract > 0 }
  for (const [first, end] of rowPieces(totalRows, blocks * blockSize)) {
    const rows = end - first
    const codes = new Uint8Array(rows * columns)
    const params = { bits, totalRows, columns, first, rows, rowBytes: columns, subtract }
    runKernel('unpackColumns', params, inputs, [codes])
    yield packCodes(codes, rows, packed)
  }
}

/** Rows that one kernel transposes at once. */
const KERNEL_BYTES = 2 ** 24

/**
 * Codes of 4 and 8 bits as kernels make them: a stored word holds 8 or 4 codes of a row, the first in its lowest bits, as 4
 * bytes of the result do. Words [K/8 or K/4, N] are transposed, and that is all.
 */
export function codePieces(
  { source }: LoweringInput,
  { bits, rows, columns, container, blockSize, order }: PackedLayout,
): readonly ConstantPiece[] | undefined {
  const words = (columns * bits) / 32
  const isAsStored = bits === container && bits >= 4 && order == null
  const stored =
    isAsStored && columns % blockSize === 0 && Number.isInteger(words) ? source?.('qweight') : undefined
  if (stored === undefined) return undefined
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
