import { setMaxListeners } from 'node:events'
import type { KernelPool } from '@hfquant/kernels'
import type { ByteBudget } from './byte-budget.js'

/** What every streaming step shares. */
export interface StreamContext {
  readonly pool: KernelPool
  readonly budget: ByteBudget
  readonly maxInFlightBytes: number
  readonly signal: AbortSignal | undefined
}

/** A signal that every step in flight may listen to; there are more of them than Node expects of one signal. */
export function streamSignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const combined = AbortSignal.any(signals.filter((signal) => signal !== undefined))
  setMaxListeners(0, combined)
  return combined
}

/** Long enough to keep a worker busy, short enough to stay in its cache and to leave every worker a piece. */
const PIECE_BYTES = 4 * 2 ** 20

/** Rows a step takes at once; a multiple of `rowsPerStep`, at least one step, whatever the budget. */
export function rowsPerPiece(rowBytes: number, rowsPerStep: number, context: StreamContext): number {
  const share = context.maxInFlightBytes / context.pool.workers
  const rows = Math.floor(Math.min(PIECE_BYTES, share) / Math.max(rowBytes, 1))
  return Math.max(rowsPerStep, rows - (rows % rowsPerStep))
}

/** Half-open row ranges that cover `rows`. */
export function* rowRanges(rows: number, piece: number): Generator<readonly [first: number, end: number]> {
  for (let first = 0; first < rows; first += piece) yield [first, Math.min(first + piece, rows)]
}

/** Steps that have been started. When starting the next one fails, the others are waited for: they hold open files. */
export async function settleOnFailure<Result>(
  started: readonly Promise<unknown>[],
  startAll: () => Promise<Result>,
): Promise<Result> {
  try {
    return await startAll()
  } catch (error) {
    await Promise.allSettled(started)
    throw error
  }
}
