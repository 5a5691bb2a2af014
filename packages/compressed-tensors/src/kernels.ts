import type { KernelFunction } from '@hfquant/kernels'
import { roundFloats } from './make/round-floats.js'
import { roundIntegers } from './make/round-integers.js'

/** Weights at a time: their float32 values stay in memory that has been touched before, which new memory of a whole piece has not. */
const BATCH = 2 ** 16

/** The kernel on some rows at a time. */
const inBatches =
  (kernel: KernelFunction): KernelFunction =>
  ({ params, inputs, outputs }) => {
    const rows = params.rows as number
    const step = Math.max(1, Math.floor(BATCH / (params.columns as number)))
    let nonFinite = 0
    for (let first = 0; first < rows; first += step) {
      const count = Math.min(step, rows - first)
      const cut = (bytes: Uint8Array) =>
        bytes.subarray((first * bytes.length) / rows, ((first + count) * bytes.length) / rows)
      const call = { params: { ...params, rows: count }, inputs: inputs.map(cut), outputs: outputs.map(cut) }
      nonFinite += kernel(call).nonFinite
    }
    return { nonFinite }
  }

/** What the threads of the worker pool do for this package. */
export const kernels: Readonly<Record<string, KernelFunction>> = {
  roundIntegers: inBatches(roundIntegers),
  roundFloats: inBatches(roundFloats),
}
