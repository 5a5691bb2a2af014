import { CheckpointError, type WaitingWeight } from '@hfquant/core'
import { rangeOf, type ScratchArrays } from './scratch-arrays.js'
import { rowsOf, type SharedWeight, type Workers } from './shared-weight.js'

/** A worker keeps the memory of its largest task, so weights are read in pieces of this many bytes of float32. */
const PIECE_BYTES = 4 * 2 ** 20

/**
 * The float weight in the dtype that quantization starts from, widened to float32.
 *
 * @throws CheckpointError TENSOR_NOT_FINITE.
 */
export async function readWeight(
  weight: WaitingWeight,
  scratch: ScratchArrays,
  workers: Workers,
): Promise<SharedWeight> {
  const { pool, signal } = workers
  const { outFeatures: rows, inFeatures: columns, path, dtype } = weight.info
  const values = scratch.floats('weight', rows * columns)
  const step = Math.max(1, Math.floor(PIECE_BYTES / (columns * 4)))
  let nonFinite = 0
  const readPieces = async (lane: number) => {
    const room = (byteLength: number, use: string) => rangeOf(scratch.bytes(`${use}.${lane}`, byteLength))
    for (let first = lane * step; first < rows; first += pool.workers * step) {
      const count = Math.min(step, rows - first)
      const own = await weight.rows(first, first + count, room)
      const task = { kernel: 'cast', params: { from: dtype, to: 'float32' }, inputs: [own] }
      const outputs = [rowsOf(values, first, count, columns)]
      const result = await pool.run({ ...task, outputs }, signal === undefined ? {} : { signal })
      nonFinite += result.nonFinite
    }
  }
  const lanes = Array.from({ length: pool.workers }, (_, lane) => readPieces(lane))
  for (const result of await Promise.allSettled(lanes)) if (result.status === 'rejected') throw result.reason
  if (nonFinite === 0) return { values, rows, columns }
  const wrong = values.findIndex((value) => !Number.isFinite(value))
  throw new CheckpointError(
    'TENSOR_NOT_FINITE',
    `"${weight.tensor}" in ${weight.file} holds ${values[wrong]} in row ${Math.floor(wrong / columns)}`,
    {
      module: path,
      tensor: weight.tensor,
      file: weight.file,
      found: values[wrong],
      hint: 'No integer format can hold these values; repair the checkpoint, or leave the module in float.',
    },
  )
}
