import { PANEL_ROWS } from '@hfquant/calibrate'
import { lowerPanels } from '@hfquant/kernels'

/** The second moments of a layer's inputs, (2 / sequences) Σ x·xᵀ. */
export interface Hessian {
  readonly size: number
  /** Shared: the lower triangle in panels. */
  readonly values: Float32Array
  /** With 1 for channels that never fired, where the matrix has 0. */
  readonly diagonal: Float32Array
  /** 1 for channels that never fired. */
  readonly dead: Uint8Array
}

/**
 * @param values Σ x·xᵀ in shared memory, which becomes the Hessian.
 * @returns undefined when the sums hold a NaN or an infinity, or nothing at all.
 */
export function hessianOf(values: Float32Array, size: number, sequences: number): Hessian | undefined {
  const scale = 2 / sequences
  for (let index = 0; index < values.length; index++) values[index] = values[index]! * scale
  const diagonal = new Float32Array(size)
  for (const { first, end, width, offset } of lowerPanels(size, PANEL_ROWS)) {
    for (let k = first; k < end; k++) diagonal[k] = values[offset + (k - first) * width + k]!
  }
  const dead = Uint8Array.from(diagonal, (value) => Number(value === 0))
  if (!diagonal.every(Number.isFinite) || !dead.includes(0)) return undefined
  for (const [k, isDead] of dead.entries()) if (isDead === 1) diagonal[k] = 1
  return { size, values, diagonal, dead }
}
