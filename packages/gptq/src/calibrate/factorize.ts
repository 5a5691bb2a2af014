import { createKernelPool, type KernelPool } from '@hfquant/kernels'
import type { ColumnOrder } from './column-order.js'

/** Memory that the worker pool shares. */
export const sharedFloats = (count: number): Float32Array =>
  new Float32Array(new SharedArrayBuffer(count * 4))

/** The second moments of a layer's inputs, (2 / sequences) Σ x·xᵀ. */
export interface Hessian {
  readonly size: number
  /** Shared, [size, size]; dead columns have 1 on the diagonal. */
  readonly values: Float32Array
  readonly diagonal: Float32Array
  /** 1 for channels that never fired. */
  readonly dead: Uint8Array
}

/**
 * @param values Σ x·xᵀ in shared memory, which becomes the Hessian.
 * @returns undefined when the sums hold a NaN or an infinity, or nothing at all.
 */
export function hessianOf(values: Float32Array, sequences: number): Hessian | undefined {
  const size = Math.sqrt(values.length)
  const scale = 2 / sequences
  for (let index = 0; index < values.length; index++) values[index] = values[index]! * scale
  const diagonal = Float32Array.from({ length: size }, (_, k) => values[k * size + k]!)
  const dead = Uint8Array.from(diagonal, (value) => Number(value === 0))
  if (!diagonal.every(Number.isFinite) || !dead.includes(0)) return undefined
  for (const [k, isDead] of dead.entries()) {
    if (isDead === 0) continue
    values[k * size + k] = 1
    diagonal[k] = 1
  }
  return { size, values, diagonal, dead }
}

export interface DampingRules {
  readonly dampPercent: number
  readonly dampAutoIncrement: number
}

export interface Factor {
  /** Shared, [size, size]: upper triangular U with (H + damping)⁻¹ = Uᵀ·U, in the order of the columns. */
  readonly values: Float32Array
  /** What was added to the diagonal. */
  readonly damping: number
  /** Share of the mean diagonal that was needed. */
  readonly dampPercent: number
}

/**
 * Factorizes with as little damping as works: the configured share of the mean diagonal, more of it step by step, and at
 * last a floor besides.
 *
 * @returns undefined when nothing helps.
 */
export async function factorize(
  hessian: Hessian,
  { order }: ColumnOrder,
  rules: DampingRules,
  pool: KernelPool,
  signal: AbortSignal | undefined,
): Promise<Factor | undefined> {
  const { size, diagonal } = hessian
  const mean = diagonal.reduce((sum, value) => sum + value, 0) / size
  const largest = diagonal.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const values = sharedFloats(size * size)
  // A worker keeps the memory of its largest task: that of a large factor goes back with a worker of its own.
  const isLarge = size >= LARGE
  const worker = isLarge ? createKernelPool({ workers: 1 }) : pool
  try {
    return await search()
  } finally {
    if (isLarge) await worker.dispose()
  }

  async function search(): Promise<Factor | undefined> {
    for (const floor of [0, ...FLOORS]) {
      for (const dampPercent of shares(rules)) {
        const damping = dampPercent * mean + floor * largest
        const task = {
          kernel: 'gptqFactor',
          params: { size, damping },
          inputs: [hessian.values, order].map(rangeOf),
          outputs: [rangeOf(values)],
        }
        const { nonFinite } = await worker.run(task, signal === undefined ? {} : { signal })
        if (nonFinite === 0) return { values, damping, dampPercent }
      }
    }
    return undefined
  }
}

const LARGE = 2048

const FLOORS = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]

function* shares({ dampPercent, dampAutoIncrement }: DampingRules): Generator<number> {
  for (let share = dampPercent; share < 1; share += dampAutoIncrement) {
    yield share
    if (dampAutoIncrement === 0) return
  }
}

/** The bytes of an array, as a worker takes them. */
export function rangeOf(values: Float32Array | Int32Array | Uint8Array | Float64Array): {
  readonly buffer: ArrayBuffer | SharedArrayBuffer
  readonly byteOffset: number
  readonly byteLength: number
} {
  const { buffer, byteOffset, byteLength } = values
  return { buffer: buffer as ArrayBuffer | SharedArrayBuffer, byteOffset, byteLength }
}
