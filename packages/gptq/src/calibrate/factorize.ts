import { PANEL_ROWS, rangeOf } from '@hfquant/calibrate'
import type { KernelWorkers } from '@hfquant/core'
import { createKernelPool } from '@hfquant/kernels'
import type { ColumnOrder } from './column-order.js'
import type { Hessian } from './hessian.js'

export interface DampingRules {
  readonly dampPercent: number
  readonly dampAutoIncrement: number
}

export interface Factor {
  /** Shared, in panels: upper triangular U with (H + damping)⁻¹ = Uᵀ·U, in the order of the columns. */
  readonly values: Float32Array
  /** What was added to the diagonal. */
  readonly damping: number
  /** Share of the mean diagonal that was needed. */
  readonly dampPercent: number
}

/** What a factorization works with. */
export interface FactorizeOptions {
  /** Takes the factor; may be the memory of the Hessian, which is then gone unless nothing helps. */
  readonly target: Float32Array
  readonly rules: DampingRules
  readonly pool: KernelWorkers
  readonly signal?: AbortSignal | undefined
}

/**
 * Factorizes with as little damping as works: the configured share of the mean diagonal, more of it step by step, and at
 * last a floor besides.
 *
 * @returns undefined when nothing helps.
 */
export async function factorize(
  { size, values, diagonal }: Hessian,
  { order }: ColumnOrder,
  { target, rules, pool, signal }: FactorizeOptions,
): Promise<Factor | undefined> {
  const mean = diagonal.reduce((sum, value) => sum + value, 0) / size
  const largest = diagonal.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  // A worker keeps the memory of its largest task: that of a large factor goes back with a worker of its own.
  const isLarge = size >= LARGE
  const own = isLarge ? createKernelPool({ workers: 1 }) : undefined
  const worker = own ?? pool
  try {
    for (const floor of [0, ...FLOORS]) {
      for (const dampPercent of shares(rules)) {
        const damping = dampPercent * mean + floor * largest
        const task = {
          kernel: 'gptqFactor',
          params: { size, panelRows: PANEL_ROWS, damping },
          inputs: [values, diagonal, order].map(rangeOf),
          outputs: [rangeOf(target)],
        }
        const { nonFinite } = await worker.run(task, signal === undefined ? {} : { signal })
        if (nonFinite === 0) return { values: target, damping, dampPercent }
      }
    }
    return undefined
  } finally {
    await own?.dispose()
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
