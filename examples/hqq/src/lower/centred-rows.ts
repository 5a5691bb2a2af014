import { type LoweringInput, readParts, roundHalfToEven, rowPieces } from '@hfquant/core'
import { groupOf, type HqqLayout } from '../format/layout.js'
import { readCodes, readParameters, valueKeys } from '../format/stored-parts.js'
import type { Blocks } from './blocks.js'

/** Some rows of a weight, split into what `MatMulNBits` multiplies and what is added to it. */
export interface CentredRows {
  readonly first: number
  readonly count: number
  /** Codes moved so that their zero point is near the centre: [count, inFeatures] */
  readonly codes: Uint8Array
  /** float32 [count, unitsPerRow] */
  readonly scales: Float32Array
  /** What each sum of inputs counts in addition: float32 [count, unitsPerRow] */
  readonly corrections: Float32Array
}

/**
 * The operator is fast only without a zero point, and that of HQQ is a real number z. With codes q moved by a whole
 * number c, (q − z)·s = (q + c − centre)·s + (centre − c − z)·s, exactly: the second part is the same for a whole unit and
 * multiplies the sum of its inputs. c keeps codes within the container, and the second part small.
 *
 * A unit whose codes are all equal moves into the second part altogether, where nothing cancels.
 */
export async function* centredRows(
  layer: LoweringInput,
  layout: HqqLayout,
  { unit, unitsPerRow, container, centre }: Blocks,
): AsyncGenerator<CentredRows> {
  const { outFeatures, inFeatures } = layer.weight
  const parts = await readParts(layer, valueKeys(layout))
  const { scales: groupScales, zeros } = readParameters(parts, layout)
  for (const [first, end] of rowPieces(outFeatures, inFeatures)) {
    const count = end - first
    const codes = new Uint8Array(count * inFeatures)
    readCodes(parts('W_q'), layout, first * inFeatures, codes)
    const scales = new Float32Array(count * unitsPerRow)
    const corrections = new Float32Array(count * unitsPerRow)
    for (let at = 0; at < scales.length; at++) {
      const unitCodes = codes.subarray(at * unit, (at + 1) * unit)
      const group = groupOf(layout, first * inFeatures + at * unit)
      const [scale, zero] = [groupScales[group]!, zeros[group]!]
      const [smallest, largest] = range(unitCodes)
      if (smallest === largest) {
        corrections[at] = scale * (smallest - zero)
        continue
      }
      const room = 2 ** container - 1 - largest
      const move = Math.min(Math.max(centre - roundHalfToEven(zero), 0), room)
      for (let i = 0; i < unit; i++) unitCodes[i] = unitCodes[i]! + move
      scales[at] = scale
      corrections[at] = scale * (centre - move - zero)
    }
    yield { first, count, codes, scales, corrections }
  }
}

function range(codes: Uint8Array): readonly [smallest: number, largest: number] {
  let [smallest, largest] = [255, 0]
  for (const code of codes) {
    if (code < smallest) smallest = code
    if (code > largest) largest = code
  }
  return [smallest, largest]
}
