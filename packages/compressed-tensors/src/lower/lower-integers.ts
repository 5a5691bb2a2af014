import {
  blockProduct,
  blockScales,
  blockSizeFor,
  blocksOf,
  blockZeros,
  type CodeBits,
  type ConstantPiece,
  channelOrder,
  type GraphBuilder,
  type GraphValue,
  groupOfBlock,
  type LoweringInput,
  offsetRows,
  packCodes,
  reorderChannels,
  rowCalls,
  rowPieces,
} from '@hfquant/core'
import { type Codes, codesKey, gridColumns, type WeightLayout, ZERO_POINT } from '../format/layout.js'
import { rowReader } from '../format/read-codes.js'
import { readZeros } from '../format/read-zeros.js'

/** A weight of integers as `MatMulNBits` has it. */
interface Blocks {
  readonly layout: WeightLayout
  readonly codes: Codes & { readonly bits: number }
  /** Codes of other widths lie in the next container with their value unchanged, which is exact. */
  readonly container: CodeBits
  readonly size: number
  /** Of a row; the last one may reach beyond it. */
  readonly count: number
  /** Of the columns, where groups are scattered. */
  readonly order: Int32Array | undefined
}

/**
 * y = x·Wᵀ by a product of blocks. Columns of scattered groups are put in order first, by one `Gather` that layers with the same
 * order share. Undefined where no block lies within a group, or no order makes groups runs.
 */
export function lowerIntegers(
  graph: GraphBuilder,
  layer: LoweringInput,
  layout: WeightLayout,
  scales: () => Promise<Float32Array>,
): GraphValue | undefined {
  const { inFeatures, outFeatures, path } = layer.weight
  const { codes, block, groupOf } = layout
  const [blockRows, groupSize] = block
  const size = blockSizeFor(groupSize, inFeatures)
  const order = groupOf && channelOrder(groupOf, groupSize)
  if (size === undefined || order === null || !('bits' in codes)) return undefined
  const container = codes.bits <= 4 ? 4 : 8
  const blocks: Blocks = { layout, codes, container, size, count: blocksOf(inFeatures, size), order }
  const perRow = gridColumns(layout, inFeatures)
  const place = (row: number, at: number) =>
    Math.floor(row / blockRows) * perRow + groupOfBlock(at, size, groupSize)
  const input = reorderChannels(graph, layer.input, order)
  return blockProduct(graph, input, layer.weight, {
    ...{ name: `${path}.matmul_nbits`, bits: container, blockSize: size },
    codes: { chunks: () => codeChunks(layer, blocks), pieces: () => codePieces(layer, blocks) },
    scales: {
      async *chunks() {
        const values = await scales()
        yield* blockScales(outFeatures, blocks.count, (row, at) => values[place(row, at)]!)
      },
    },
    zeros: layout.zeros && {
      async *chunks() {
        const bytes = await layer.read(ZERO_POINT)
        const values = readZeros(layout, { outFeatures, groups: perRow }, () => bytes)!
        yield* blockZeros(outFeatures, blocks.count, container, (row, at) => values[place(row, at)]!, true)
      },
    },
  })
}

/** True where a row of the file has the bytes of a row of the operator: codes of 4 or 8 bits, lowest first, around the middle. */
const isAsStored = ({ codes, container, size, order }: Blocks, inFeatures: number): boolean =>
  codes.kind === 'packed' && codes.bits === container && order === undefined && inFeatures % size === 0

async function* codeChunks(layer: LoweringInput, blocks: Blocks): AsyncGenerator<Uint8Array> {
  const { layout, codes, container, size, order } = blocks
  const { inFeatures, outFeatures, path } = layer.weight
  const stored = await layer.read(codesKey(layout))
  const rowBytes = stored.byteLength / outFeatures
  const values = new Int8Array(inFeatures)
  for (const [first, end] of rowPieces(outFeatures, inFeatures)) {
    const bytes = stored.subarray(first * rowBytes, end * rowBytes)
    if (isAsStored(blocks, inFeatures)) {
      yield bytes
      continue
    }
    const signed = new Int8Array((end - first) * inFeatures)
    const read = rowReader({ codes, path, inFeatures, first, bytes })
    for (let row = 0; row < end - first; row++) {
      read(row, values)
      const start = row * inFeatures
      for (let at = 0; at < inFeatures; at++)
        signed[start + at] = values[order === undefined ? at : order[at]!]!
    }
    const packed = { columns: inFeatures, bits: container, blockSize: size, signed: true }
    yield packCodes(new Uint8Array(signed.buffer), end - first, packed)
  }
}

/** The codes as threads make them: bytes are moved around the middle, and what lies as it is wanted is copied. */
function codePieces(layer: LoweringInput, blocks: Blocks): readonly ConstantPiece[] | undefined {
  const { weight, source } = layer
  const { layout, codes, size, order } = blocks
  const isWhole = order === undefined && weight.inFeatures % size === 0
  if (codes.kind === 'int8' && codes.bits === 8)
    return isWhole ? offsetRows(layer, codesKey(layout)) : undefined
  if (!isAsStored(blocks, weight.inFeatures)) return undefined
  const rowBytes = (weight.inFeatures * codes.bits) / 8
  return rowCalls(source?.(codesKey(layout)), {
    ...{ rows: weight.outFeatures, storedBytes: rowBytes, madeBytes: rowBytes },
    call: () => ({ kernel: 'copy', params: {} }),
  })
}
