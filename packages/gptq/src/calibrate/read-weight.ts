import { CheckpointError, type DeferredWeight, type Dtype, tensorBytes } from '@hfquant/core'
import type { KernelPool } from '@hfquant/kernels'
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
  { module: { weight }, source }: DeferredWeight,
  scratch: ScratchArrays,
  workers: Workers,
): Promise<SharedWeight> {
  const { outFeatures: rows, inFeatures: columns, path } = weight
  const values = scratch.floats('weight', rows * columns)
  const sourceRow = source.byteLength / rows
  const step = Math.max(1, Math.floor(PIECE_BYTES / (columns * 4)))
  const readPieces = async (lane: number) => {
    for (let first = lane * step; first < rows; first += workers.pool.workers * step) {
      const count = Math.min(step, rows - first)
      const position = source.position + first * sourceRow
      const input = { fd: source.fd, position, byteLength: count * sourceRow }
      const between = scratch.bytes(`cast.${lane}`, tensorBytes(weight.dtype, [step, columns]))
      const output = rowsOf(values, first, count, columns)
      await castPiece(input, [source.dtype, weight.dtype], between, output, workers)
    }
  }
  const lanes = Array.from({ length: workers.pool.workers }, (_, lane) => readPieces(lane))
  for (const result of await Promise.allSettled(lanes)) if (result.status === 'rejected') throw result.reason
  const wrong = firstNonFinite(values)
  if (wrong === undefined) return { values, rows, columns }
  throw new CheckpointError(
    'TENSOR_NOT_FINITE',
    `"${path}.weight" in ${source.file} holds ${values[wrong]} in row ${Math.floor(wrong / columns)}`,
    {
      module: path,
      tensor: `${path}.weight`,
      file: source.file,
      found: values[wrong],
      hint: 'No integer format can hold these values; repair the checkpoint, or leave the module in float.',
    },
  )
}

type Range = Parameters<KernelPool['run']>[0]['inputs'][number]

async function castPiece(
  input: Range,
  [stored, own]: readonly [Dtype, Dtype],
  between: Uint8Array,
  output: ReturnType<typeof rangeOf>,
  { pool, signal }: Workers,
): Promise<void> {
  const cast = (from: Dtype, to: Dtype, inputs: Range[], outputs: Range[]) =>
    pool.run(
      { kernel: 'cast', params: { from, to }, inputs, outputs },
      signal === undefined ? {} : { signal },
    )
  if (stored === own) {
    await cast(own, 'float32', [input], [output])
    return
  }
  const rounded = rangeOf(between.subarray(0, tensorBytes(own, [output.byteLength / 4])))
  await cast(stored, own, [input], [rounded])
  await cast(own, 'float32', [rounded], [output])
}

/** A plain loop: a callback for each of some millions of values takes seconds. */
function firstNonFinite(values: Float32Array): number | undefined {
  for (let index = 0; index < values.length; index++) if (!Number.isFinite(values[index])) return index
  return undefined
}
