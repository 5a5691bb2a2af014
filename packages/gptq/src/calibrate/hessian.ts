import type { ScratchArrays } from '@hfquant/calibrate'
import { lowerPanels, triangleLength } from '@hfquant/kernels'

/** Rows of the panels in which triangles lie: a multiple of the 128 columns that the column loop works on at a time. */
export const PANEL_ROWS = 512

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

/** Puts the panels of a sum together in shared memory. They are taken out of their list, so that none stays in memory twice. */
export function joinPanels(panels: Float32Array[], size: number, target: Float32Array): Float32Array {
  for (const { offset } of lowerPanels(size, PANEL_ROWS)) target.set(panels.shift()!, offset)
  return target
}

/** Room for the triangle of a Hessian, and for its factor in the same place. */
export const triangleRoom = (scratch: ScratchArrays, use: string, size: number): Float32Array =>
  scratch.floats(use, triangleLength(size, PANEL_ROWS))

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
