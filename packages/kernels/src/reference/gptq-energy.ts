import { ALL_FINITE, type KernelResult } from '../kernel.js'
import { viewOf } from './float-access.js'
import { float32sOf } from './gptq-grid.js'

export interface GptqEnergyParams {
  readonly rows: number
  readonly columns: number
  /** The panel: rows `first` to `end` - 1 of the matrix. `first` is a multiple of 8. */
  readonly first: number
  readonly end: number
}

/**
 * weight float32 [rows, columns], a panel of the lower triangle of a symmetric H, float32 [end - first, end] -> energies
 * float64 [rows], the share of w·H·wᵀ that comes from this panel and from the columns opposite it. The shares of all
 * panels add up to the whole.
 */
export function gptqEnergy(
  { rows, columns, first, end }: GptqEnergyParams,
  [weight, hessian]: readonly Uint8Array[],
  [energies]: readonly Uint8Array[],
): KernelResult {
  const w = float32sOf(weight!)
  const h = float32sOf(hessian!)
  const view = viewOf(energies!)
  for (let row = 0; row < rows; row++) {
    let energy = 0
    for (let i = first; i < end; i++) {
      for (let j = 0; j < end; j++) {
        const share = j < first ? 2 : 1
        energy += share * w[row * columns + i]! * h[(i - first) * end + j]! * w[row * columns + j]!
      }
    }
    view.setFloat64(row * 8, energy, true)
  }
  return ALL_FINITE
}
