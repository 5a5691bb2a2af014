import type { KernelResult } from '../kernel.js'
import { viewOf } from './float-access.js'
import { float32sOf, int32sOf } from './gptq-grid.js'

export interface GptqFactorParams {
  readonly size: number
  /** Added to the diagonal. */
  readonly damping: number
}

/**
 * hessian float32 [size, size], order int32 [size] -> U float32 [size, size], upper, with (P·H·Pᵀ + damping)⁻¹ = Uᵀ·U,
 * where row p of P·H is row order[p] of H. Computed in float64: with both axes reversed H = L·Lᵀ, and U is L⁻¹ with
 * both axes reversed again.
 *
 * `nonFinite` is 0, or 1 plus the number of the first pivot that was not positive: the matrix is not definite.
 */
export function gptqFactor(
  { size, damping }: GptqFactorParams,
  [hessian, order]: readonly Uint8Array[],
  [factor]: readonly Uint8Array[],
): KernelResult {
  const h = float32sOf(hessian!)
  const at = int32sOf(order!).reverse()
  const lower = Array.from({ length: size }, () => new Float64Array(size))
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = h[at[i]! * size + at[j]!]! + (i === j ? damping : 0)
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
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      view.setFloat32((i * size + j) * 4, j < i ? 0 : inverse[size - 1 - i]![size - 1 - j]!, true)
    }
  }
  return { nonFinite: 0 }
}
