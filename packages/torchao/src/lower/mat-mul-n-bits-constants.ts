import {
  blockScales,
  blockZeros,
  type ConstantPiece,
  groupOfBlock,
  type LoweringInput,
  offsetRows,
  packCodes,
  rowCalls,
  rowPieces,
} from '@hfquant/core'
import { widenFloats } from '@hfquant/kernels'
import { refuseWideCodes } from '../tensors/code-range.js'
import { QDATA, SCALE, ZERO_POINT } from '../tensors/grouped-codes.js'
import type { PackedLayout } from './mat-mul-n-bits.js'

/** Codes as the operator stores them; what pads the last block of a row meets no activation. */
export async function* codeChunks(layer: LoweringInput, layout: PackedLayout): AsyncGenerator<Uint8Array> {
  const codes = await layer.read(QDATA)
  const { outFeatures, inFeatures, bits, container, blockSize } = layout
  const packed = { columns: inFeatures, bits: container, blockSize, signed: true }
  for (const [first, end] of rowPieces(outFeatures, inFeatures)) {
    const piece = codes.subarray(first * inFeatures, end * inFeatures)
    refuseWideCodes(piece, bits, `${layer.weight.path}.${QDATA}`)
    yield packCodes(piece, end - first, packed)
  }
}

/** The codes as kernels make them, where all values of the container are codes: no others need to be found. */
export function codePieces(
  layer: LoweringInput,
  { outFeatures: rows, inFeatures: columns, bits, container, blockSize, blocks }: PackedLayout,
): readonly ConstantPiece[] | undefined {
  if (bits !== container) return undefined
  if (bits === 8) return columns % blockSize === 0 ? offsetRows(layer, QDATA) : undefined
  return rowCalls(layer.source?.(QDATA), {
    ...{ rows, storedBytes: columns, madeBytes: (blocks * blockSize) / 2 },
    call: (count) => ({ kernel: 'packNibbles', params: { rows: count, columns, blockSize } }),
  })
}

/** The scale of each block, as float32: that of the group it lies in. */
export async function* scaleChunks(layer: LoweringInput, layout: PackedLayout): AsyncGenerator<Uint8Array> {
  const scales = widenFloats(await layer.read(SCALE), layout.scaleDtype)
  yield* blockScales(layout.outFeatures, layout.blocks, (row, block) => scales[groupOf(row, block, layout)]!)
}

/** The zero point of each block, signed as the codes are. */
export async function* zeroPointChunks(
  layer: LoweringInput,
  layout: PackedLayout,
): AsyncGenerator<Uint8Array> {
  const { outFeatures, blocks, container } = layout
  const zeros = await layer.read(ZERO_POINT)
  const zeroOf = (row: number, block: number) => zeros[groupOf(row, block, layout)]!
  yield* blockZeros(outFeatures, blocks, container, zeroOf, true)
}

const groupOf = (
  row: number,
  block: number,
  { blockSize, groupSize, inFeatures, shared }: PackedLayout,
): number => (shared ? 0 : row * (inFeatures / groupSize) + groupOfBlock(block, blockSize, groupSize))
