import {
  blockScales,
  blocksOf,
  blockZeros,
  type ConstantPiece,
  groupOfBlock,
  type LoweringInput,
  packCodes,
  readParts,
  rowCalls,
  rowPieces,
} from '@hfquant/core'
import { rangeWithin } from '@hfquant/kernels'
import { readGroupScales, readGroupValues, readGroupZeros } from '../format/group-values.js'
import { type AwqLayout, CODES_IN_WORD, groupCount } from '../format/layout.js'
import { unpackCodes } from '../format/unpack-codes.js'

/** Codes [N, blocks, blockSize / 2]; what pads the last block of a row meets no activation. */
export async function* codeChunks(
  layer: LoweringInput,
  { arrangement }: AwqLayout,
  blockSize: number,
): AsyncGenerator<Uint8Array> {
  const { outFeatures, inFeatures: columns } = layer.weight
  const words = await layer.read('qweight')
  for (const [first, end] of rowPieces(outFeatures, columns)) {
    const count = end - first
    const codes = unpackCodes(words, arrangement, layer.weight, { first, count })
    yield packCodes(codes, count, { columns, bits: 4, blockSize })
  }
}

/** Bytes of words that one call of a kernel turns. */
const CALL_BYTES = 2 ** 24

/** The codes as kernels make them: gemv has them as they are wanted, gemm in words that run along the other axis. */
export function codePieces(
  { weight, source }: LoweringInput,
  { arrangement }: AwqLayout,
  blockSize: number,
): readonly ConstantPiece[] | undefined {
  const { outFeatures: rows, inFeatures: columns } = weight
  const stored = columns % blockSize === 0 ? source?.('qweight') : undefined
  if (stored === undefined || arrangement === 'gemv_fast') return undefined
  const rowBytes = columns / 2
  if (arrangement === 'gemv') {
    const copied = { rows, storedBytes: rowBytes, madeBytes: rowBytes }
    return rowCalls(stored, { ...copied, call: () => ({ kernel: 'copy', params: {} }) })
  }
  const wordBytes = (word: number) => word * 4
  const words = rows / CODES_IN_WORD
  return [...rowPieces(words, CODES_IN_WORD * rowBytes, CALL_BYTES)].map(([first, end]) => {
    const count = (end - first) * CODES_IN_WORD
    const spacing = { pieceBytes: wordBytes(end - first), strideBytes: wordBytes(words) }
    return {
      kernel: 'awqCodes',
      params: { rows: count, columns },
      inputs: [rangeWithin(stored, wordBytes(first), columns * wordBytes(end - first), spacing)],
      output: { offset: first * CODES_IN_WORD * rowBytes, byteLength: count * rowBytes },
    }
  })
}

/** The scale of each block: that of the group it lies in. */
export async function* scaleChunks(
  layer: LoweringInput,
  layout: AwqLayout,
  blockSize: number,
): AsyncGenerator<Uint8Array> {
  const scales = readGroupScales(...(await partsOf(layer, layout)))
  yield* blockScales(...blockGrid(layer, layout, blockSize, scales))
}

/** The zero point of each block. */
export async function* zeroChunks(
  layer: LoweringInput,
  layout: AwqLayout,
  blockSize: number,
): AsyncGenerator<Uint8Array> {
  const zeros = readGroupZeros(...(await partsOf(layer, layout)))
  const [rows, blocks, zeroOf] = blockGrid(layer, layout, blockSize, zeros)
  yield* blockZeros(rows, blocks, 4, zeroOf)
}

/** What shifts are beyond the zero points that stand for them: [G, N]. */
export async function* offsetChunks(layer: LoweringInput, layout: AwqLayout): AsyncGenerator<Uint8Array> {
  const { scales, zeros, shifts } = readGroupValues(...(await partsOf(layer, layout)))
  const { outFeatures, inFeatures } = layer.weight
  const groups = groupCount(inFeatures, layout.groupSize)
  yield* blockScales(groups, outFeatures, (group, row) => {
    const at = row * groups + group
    return shifts![at]! + zeros[at]! * scales[at]!
  })
}

/** What the values of groups are read from: of all rows. */
async function partsOf(layer: LoweringInput, layout: AwqLayout) {
  const keys = ['scales', ...(layout.zeroKey === undefined ? [] : [layout.zeroKey])]
  const rows = { first: 0, count: layer.weight.outFeatures }
  return [await readParts(layer, keys), layout, layer.weight, rows] as const
}

/** Rows, blocks of a row, and what a block has of the values [N, G] of groups. */
function blockGrid(
  { weight }: LoweringInput,
  { groupSize }: AwqLayout,
  blockSize: number,
  values: ArrayLike<number>,
): readonly [rows: number, blocks: number, valueOf: (row: number, block: number) => number] {
  const groups = groupCount(weight.inFeatures, groupSize)
  return [
    weight.outFeatures,
    blocksOf(weight.inFeatures, blockSize),
    (row, block) => values[row * groups + groupOfBlock(block, blockSize, groupSize)]!,
  ]
}
