import { lowerPanels, runKernel, triangleLength } from '@hfquant/kernels'
import { rangeOf, type ScratchArrays } from './scratch-arrays.js'
import { eachRows, rowsOf, type SharedWeight, type Workers } from './shared-weight.js'

/** Rows of the panels in which triangles lie: a multiple of the columns that any kernel works on at a time. */
export const PANEL_ROWS = 512

/** Puts the panels of a sum together in shared memory. They are taken out of their list, so that none stays in memory twice. */
export function joinPanels(panels: Float32Array[], size: number, target: Float32Array): Float32Array {
  for (const { offset } of lowerPanels(size, PANEL_ROWS)) target.set(panels.shift()!, offset)
  return target
}

/** Room for the lower triangle of a matrix in panels, and for what takes its place. */
export const triangleRoom = (scratch: ScratchArrays, use: string, size: number): Float32Array =>
  scratch.floats(use, triangleLength(size, PANEL_ROWS))

/**
 * w·H·wᵀ of each row w of a weight, in float64.
 *
 * @param moments H, its lower triangle in panels, in shared memory.
 * @returns shared memory of the use "energies": [rows].
 */
export async function rowEnergies(
  weight: SharedWeight,
  moments: Float32Array,
  { scratch, ...workers }: Workers & { readonly scratch: ScratchArrays },
): Promise<Float64Array> {
  const { rows, columns, values } = weight
  const shares = new Float64Array(scratch.bytes('energy.shares', rows * 8).buffer, 0, rows)
  const energies = new Float64Array(scratch.bytes('energies', rows * 8).buffer, 0, rows).fill(0)
  for (const { first, end, width, offset } of lowerPanels(columns, PANEL_ROWS)) {
    const panel = moments.subarray(offset, offset + (end - first) * width)
    const kernel = 'gptqEnergy'
    if (rows * (end - first) * end < SMALL_WORK) {
      runKernel(kernel, { rows, columns, first, end }, [bytesOf(values), bytesOf(panel)], [bytesOf(shares)])
    } else {
      await eachRows(weight, workers, (row, count) => ({
        ...{ kernel, params: { rows: count, columns, first, end } },
        inputs: [rowsOf(values, row, count, columns), rangeOf(panel)],
        outputs: [rowsOf(shares, row, count, 1)],
      }))
    }
    for (let row = 0; row < rows; row++) energies[row]! += shares[row]!
  }
  return energies
}

/** Products that are done here in the time that other threads take to begin: some milliseconds. */
const SMALL_WORK = 2 ** 26

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
