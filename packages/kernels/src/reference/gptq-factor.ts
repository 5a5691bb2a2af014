import type { KernelResult } from '../kernel.js'
import { viewOf } from './float-access.js'
import { float32sOf, int32sOf } from './gptq-grid.js'
import { lowerPanels, upperPanels } from './gptq-triangle.js'

export interface GptqFactorParams {
  readonly size: number
  /** Rows of a panel of both triangles. */
  readonly panelRows: number
  /** Added to the diagonal. */
  readonly damping: number
}

/**
 * The lower triangle of H, float32 in panels, its diagonal once more, float32 [size], which counts instead of that of H,
 * and order int32 [size] -> U, upper, float32 in panels, with (P·H·Pᵀ + damping)⁻¹ = Uᵀ·U, where row p of P·H is row
 * order[p] of H. Computed in float64: with both axes reversed H = L·Lᵀ, and U is L⁻¹ with both axes reversed again.
 *
 * `nonFinite` is 0, or 1 plus the number of the first pivot that was not positive: the matrix is not definite, and the
 * output is not written.
 */
export function gptqFactor(
  { size, panelRows, damping }: GptqFactorParams,
  [hessian, diagonal, order]: readonly Uint8Array[],
  [factor]: readonly Uint8Array[],
): KernelResult {
  const entry = entryReader(hessian!, size, panelRows)
  const pivots = float32sOf(diagonal!)
  const at = int32sOf(order!).reverse()
  const lower = Array.from({ length: size }, () => new Float64Array(size))
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? pivots[at[i]!]! + damping : entry(at[i]!, at[j]!)
      for (let k = 0; k < j; k++) sum -= lower[i]![k]! * lower[j]![k]!
      if (i === j && !(sum > 0 && sum < Number.POSITIVE_INFINITY)) return { nonFinite: i + 1 }
      lower[i]![j] = i === j ? Math.sqrt(sum) : sum / lower[j]![j]!
    }
  }
  const inverse = Array.from({ length: size }, () => new Float64Array(size))
  for (let j = 0; j < size; j++) {
    for (let i = j; i < size; i++) {
      let sum = i === j ? 1 : 0
      for (let k = j; k < i; k++) sum -= lower[i]![k]! * inverse[k]![j]!
      inverse[i]![j] = sum / lower[i]![i]!
    }
  }
  const view = viewOf(factor!)
  for (const { first, end, left, width, offset } of upperPanels(size, panelRows)) {
    for (let i = first; i < end; i++) {
      for (let j = left; j < size; j++) {
        const value = j < i ? 0 : inverse[size - 1 - i]![size - 1 - j]!
        view.setFloat32((offset + (i - first) * width + (j - left)) * 4, value, true)
      }
    }
  }
  return { nonFinite: 0 }
}

/** Reads entries of a symmetric matrix of which the lower triangle is stored. */
function entryReader(bytes: Uint8Array, size: number, panelRows: number): (i: number, j: number) => number {
  const values = float32sOf(bytes)
  const panels = lowerPanels(size, panelRows)
  return (i, j) => {
    const [row, column] = i < j ? [j, i] : [i, j]
    const { first, width, offset } = panels[Math.floor(row / panelRows)]!
    return values[offset + (row - first) * width + column]!
  }
}
