import { blockSizeFor, blocksOf, type WeightInfo } from '@hfquant/core'
import type { HqqLayout } from '../format/layout.js'

/** How a weight is cut for `MatMulNBits`. */
export interface Blocks {
  /** Consecutive weights of a row that share scale and zero point; the inputs are summed over as many. */
  readonly unit: number
  readonly unitsPerRow: number
  /** Block size of the operator; a unit is whole blocks, or a whole row. */
  readonly blockSize: number
  readonly blocksPerRow: number
  /** Bits of a code in the operator. */
  readonly container: 4 | 8
  /** What the operator subtracts from a code by itself. */
  readonly centre: number
}

/** Undefined for groups that no block size of the operator divides. Across the rows, a row is one unit. */
export function cutBlocks({ inFeatures }: WeightInfo, layout: HqqLayout): Blocks | undefined {
  const container = layout.packing.bits > 4 ? 8 : 4
  // Groups may end within a row and go on in the next one.
  const unit = layout.axis === 0 ? inFeatures : greatestCommonDivisor(layout.groupSize, inFeatures)
  const blockSize = blockSizeFor(unit, inFeatures)
  if (blockSize === undefined) return undefined
  return {
    unit,
    unitsPerRow: inFeatures / unit,
    blockSize,
    blocksPerRow: blocksOf(inFeatures, blockSize),
    container,
    centre: 2 ** (container - 1),
  }
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b)
