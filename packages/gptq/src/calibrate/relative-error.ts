import { rowEnergies, type ScratchArrays, type SharedWeight, type Workers } from '@hfquant/calibrate'
import type { QuantizedRows } from '../format/encode.js'
import { type GptqLayout, groupCount } from '../format/layout.js'
import type { Factor } from './factorize.js'
import type { Hessian } from './hessian.js'

/** tr(W·H·Wᵀ), without damping: up to a factor, the sum of the squares of everything that the layer puts out. */
export async function energyOf(
  weight: SharedWeight,
  { values }: Hessian,
  tools: Workers & { readonly scratch: ScratchArrays },
): Promise<number> {
  return (await rowEnergies(weight, values, tools)).reduce((sum, energy) => sum + energy, 0)
}

/**
 * tr(ΔW·H·ΔWᵀ) / tr(W·H·Wᵀ), the share of a layer's outputs that is lost. The loss is ½ tr(ΔW·(H + damping)·ΔWᵀ), so
 * nothing has to be multiplied by the Hessian again, whose place the factor has taken.
 *
 * @param weight the weight as it was; `energy` is its tr(W·H·Wᵀ).
 */
export function relativeError(
  weight: SharedWeight,
  quantized: QuantizedRows & { readonly loss: number },
  layout: GptqLayout,
  { dead, damping, energy }: { readonly dead: Uint8Array; readonly energy: number } & Pick<Factor, 'damping'>,
): number {
  const lost = 2 * quantized.loss - damping * distanceOf(weight, quantized, layout, dead)
  return lost > 0 && energy > 0 ? lost / energy : 0
}

/** Σ (w − w')² over the channels that fired. */
function distanceOf(
  { rows, columns, values }: SharedWeight,
  { codes, scales, zeros, groupOf }: QuantizedRows,
  layout: GptqLayout,
  dead: Uint8Array,
): number {
  const groups = groupCount(columns, layout.groupSize)
  let sum = 0
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (dead[column] === 1) continue
      const [at, group] = [row * columns + column, row * groups + groupOf[column]!]
      const difference = values[at]! - scales[group]! * (codes[at]! - zeros[group]!)
      sum += difference * difference
    }
  }
  return sum
}
