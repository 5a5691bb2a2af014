import type { KernelWork, KernelWorkers } from '@hfquant/core'
import type { rangeOf } from './scratch-arrays.js'

/** A float32 weight [rows, columns] in memory that the worker pool shares. */
export interface SharedWeight {
  readonly values: Float32Array
  readonly rows: number
  readonly columns: number
}

/** Who works on a weight. */
export interface Workers {
  readonly pool: KernelWorkers
  readonly signal?: AbortSignal | undefined
}

/** Rows are cut at multiples of this, which a kernel handles together. */
const ROWS_STEP = 64

/** A worker keeps the memory of its largest task, so no task takes more of a weight than this. */
const TASK_BYTES = 8 * 2 ** 20

/** Runs a task for every range of rows. Rows are independent of each other, so where they are cut changes nothing. */
export async function eachRows(
  { rows, columns }: SharedWeight,
  { pool, signal }: Workers,
  task: (first: number, count: number) => KernelWork,
): Promise<void> {
  const share = Math.min(rows / pool.workers, TASK_BYTES / (columns * 4))
  const step = Math.max(1, Math.ceil(share / ROWS_STEP)) * ROWS_STEP
  const running: Promise<unknown>[] = []
  for (let first = 0; first < rows; first += step) {
    const work = task(first, Math.min(step, rows - first))
    running.push(pool.run(work, signal === undefined ? {} : { signal }))
  }
  const results = await Promise.allSettled(running)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** The part of an array [.., width] that belongs to some rows. */
export function rowsOf(
  values: Float32Array | Float64Array | Uint8Array,
  first: number,
  count: number,
  width: number,
): ReturnType<typeof rangeOf> {
  const { buffer, byteOffset, BYTES_PER_ELEMENT: bytes } = values
  return {
    buffer: buffer as ArrayBuffer | SharedArrayBuffer,
    byteOffset: byteOffset + first * width * bytes,
    byteLength: count * width * bytes,
  }
}
