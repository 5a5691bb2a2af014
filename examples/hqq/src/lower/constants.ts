import { groupOfBlock, type LoweringInput, packCodes } from '@hfquant/core'
import type { HqqLayout } from '../format/layout.js'
import type { Blocks } from './blocks.js'
import { centredRows } from './centred-rows.js'

/** Codes [outFeatures, blocksPerRow, blockSize · container / 8]; what pads the last block meets no activation. */
export async function* codeChunks(
  layer: LoweringInput,
  layout: HqqLayout,
  blocks: Blocks,
): AsyncGenerator<Uint8Array> {
  for await (const { codes } of centredRows(layer, layout, blocks)) {
    yield packRows(codes, layer.weight.inFeatures, blocks)
  }
}

/** The scale of each block: that of the unit it lies in. */
export async function* scaleChunks(
  layer: LoweringInput,
  layout: HqqLayout,
  blocks: Blocks,
): AsyncGenerator<Uint8Array> {
  const { unit, unitsPerRow, blockSize, blocksPerRow } = blocks
  for await (const { count, scales } of centredRows(layer, layout, blocks)) {
    const piece = new Float32Array(count * blocksPerRow)
    for (let row = 0; row < count; row++) {
      for (let block = 0; block < blocksPerRow; block++) {
        piece[row * blocksPerRow + block] = scales[row * unitsPerRow + groupOfBlock(block, blockSize, unit)]!
      }
    }
    yield new Uint8Array(piece.buffer)
  }
}

/** Corrections [unitsPerRow, outFeatures]: small enough to be turned in memory. */
export async function* correctionChunks(
  layer: LoweringInput,
  layout: HqqLayout,
  blocks: Blocks,
): AsyncGenerator<Uint8Array> {
  const { outFeatures } = layer.weight
  const { unitsPerRow } = blocks
  const turned = new Float32Array(unitsPerRow * outFeatures)
  for await (const { first, count, corrections } of centredRows(layer, layout, blocks)) {
    for (let row = 0; row < count; row++) {
      for (let unit = 0; unit < unitsPerRow; unit++) {
        turned[unit * outFeatures + first + row] = corrections[row * unitsPerRow + unit]!
      }
    }
  }
  yield new Uint8Array(turned.buffer)
}

/** Rows of codes as the operator wants them, padded to whole blocks. */
export const packRows = (codes: Uint8Array, columns: number, { container, blockSize }: Blocks): Uint8Array =>
  packCodes(codes, codes.length / columns, { columns, bits: container, blockSize })
