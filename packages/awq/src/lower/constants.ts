import {
  blockScales,
  blocksOf,
  blockZeros,
  groupOfBlock,
  type LoweringInput,
  packCodes,
  readParts,
  rowPieces,
} from '@hfquant/core'
import { type GroupValues, readGroupValues } from '../format/group-values.js'
import { type AwqLayout, groupCount } from '../format/layout.js'
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

/** The scale of each block: that of the group it lies in. */
export async function* scaleChunks(
  layer: LoweringInput,
  layout: AwqLayout,
  blockSize: number,
): AsyncGenerator<Uint8Array> {
  const { scales } = await groupValuesOf(layer, layout)
  yield* blockScales(...blockGrid(layer, layout, blockSize, scales))
}

/** The zero point of each block. */
export async function* zeroChunks(
  layer: LoweringInput,
  layout: AwqLayout,
  blockSize: number,
): AsyncGenerator<Uint8Array> {
  const { zeros } = await groupValuesOf(layer, layout)
  const [rows, blocks, zeroOf] = blockGrid(layer, layout, blockSize, zeros)
  yield* blockZeros(rows, blocks, 4, zeroOf)
}

/** What shifts are beyond the zero points that stand for them: [G, N]. */
export async function* offsetChunks(layer: LoweringInput, layout: AwqLayout): AsyncGenerator<Uint8Array> {
  const { scales, zeros, shifts } = await groupValuesOf(layer, layout)
  const { outFeatures, inFeatures } = layer.weight
  const groups = groupCount(inFeatures, layout.groupSize)
  yield* blockScales(groups, outFeatures, (group, row) => {
    const at = row * groups + group
    return shifts![at]! + zeros[at]! * scales[at]!
  })
}

async function groupValuesOf(layer: LoweringInput, layout: AwqLayout): Promise<GroupValues> {
  const keys = ['scales', ...(layout.zeroKey === undefined ? [] : [layout.zeroKey])]
  const rows = { first: 0, count: layer.weight.outFeatures }
  return readGroupValues(await readParts(layer, keys), layout, layer.weight, rows)
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
