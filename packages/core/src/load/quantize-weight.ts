import { type ByteRange, type KernelResult, writeByteRange } from '@hfquant/kernels'
import type { Component, FinalShapes } from '../contract/format.js'
import type { FloatDtype } from '../contract/tensor.js'
import { CheckpointError } from '../errors/families.js'
import { isFloatDtype, tensorBytes } from '../shell/dtype.js'
import type { QuantizedModule } from '../shell/quantized-module.js'
import type { ByteBudget } from './byte-budget.js'
import { writeRange } from './byte-range.js'
import { castValues } from './cast-values.js'
import type { CheckpointTensor } from './checkpoint.js'
import { componentRange, isCutInRows } from './component-range.js'
import { componentRows, floatRows } from './component-rows.js'
import { bytesPerRow, type FloatMatrix, readRows, readRowsHere } from './read-rows.js'
import type { SharedScratch } from './shared-scratch.js'
import { rowRanges, rowsPerPiece, type StreamContext, settleOnFailure } from './stream-context.js'
import { checkpointSource } from './tensor-source.js'

/**
 * Quantizes one weight in row ranges, straight from its file into the targets of its components. The result does not
 * depend on where the ranges are cut.
 *
 * Resolves once every range is under way; `done` resolves when the last byte is written, with the shapes that differ from
 * those of `components`.
 *
 * @throws CheckpointError TENSOR_NOT_FINITE for NaN or infinity, which no format can hold.
 */
export async function quantizeWeight(
  module: QuantizedModule,
  source: CheckpointTensor,
  targets: ReadonlyMap<string, ByteRange>,
  context: QuantizeContext,
): Promise<{ readonly done: Promise<FinalShapes> }> {
  const { info: weight, format, replaced } = module
  const kept = keptComponents(module)
  const room = await context.wholeBudget.acquire(byteLengthOf(kept), context.signal)
  const whole = new Map(kept.map((component) => [component.key, roomFor(component, context.scratch)]))
  const places = new Map([...targets, ...[...whole].map(([key, buffer]) => [key, rangeOf(buffer)] as const)])
  const pieces: Promise<void>[] = []
  const matrix = { source: checkpointSource(source), slot: replaced.slot, dtype: dtypeOfRows(module, source) }
  const rowBytes = bytesPerRow(matrix)
  const piece = rowsPerPiece(rowBytes, format.rowsPerStep ?? 1, context)
  // Rows that are made on the way wait in memory; those that are read from the file wait there.
  const isMade = rowBytes > tensorBytes(matrix.source.dtype, [weight.inFeatures])
  const budget = isMade ? context.roomBudget : context.budget

  await settleOnFailure(pieces, async () => {
    for (const [first, end] of rowRanges(weight.outFeatures, piece)) {
      const grant = await budget.acquire((end - first) * rowBytes, context.signal)
      const outputs = new Map(
        [...module.components, ...(format.scratch?.(weight) ?? [])].map((component) => [
          component.key,
          componentRange(places.get(component.key)!, component, weight, [first, end]),
        ]),
      )
      const task = quantizeRows({ module, matrix, outputs, first, rows: end - first }, context)
      // What was turned or cast on the way is given back before the grant.
      pieces.push(task.finally(() => grant.release()))
      pieces.at(-1)!.catch(() => {})
    }
  })
  const done = finish(module, whole, targets, pieces).finally(() => {
    for (const buffer of whole.values()) context.scratch.giveBack(buffer)
    room.release()
  })
  return { done }
}

/** Weights whose components only `finish` completes keep these in memory until then; not too many at a time. */
export interface QuantizeContext extends StreamContext {
  readonly wholeBudget: ByteBudget
  /** Of rows that are cast or turned before they are quantized. */
  readonly roomBudget: ByteBudget
  readonly scratch: SharedScratch
}

interface RowTask {
  readonly module: QuantizedModule
  readonly matrix: FloatMatrix
  readonly outputs: ReadonlyMap<string, ByteRange>
  readonly first: number
  readonly rows: number
}

async function quantizeRows(task: RowTask, context: QuantizeContext): Promise<void> {
  const { matrix, first, rows } = task
  const { info: weight, format } = task.module
  const kernel = format.quantizeKernel?.(weight)
  if (kernel === undefined) return quantizeRowsHere(task)
  const extent = { rows, columns: weight.inFeatures, dtype: weight.dtype }
  const params = { ...kernel.params, ...extent, ...(kernel.casts ? { from: matrix.dtype } : {}) }
  const keys = kernel.components ?? [...task.outputs.keys()]
  const rooms: SharedArrayBuffer[] = []
  const room = (byteLength: number) => {
    const buffer = context.scratch.take(byteLength)
    rooms.push(buffer)
    return { buffer, byteOffset: 0, byteLength }
  }
  try {
    const input = await readRows(matrix, [first, first + rows], room, context)
    const result = await context.pool.run(
      {
        kernel: kernel.kernel,
        params,
        inputs: [input],
        outputs: keys.map((key) => task.outputs.get(key)!),
        ...(kernel.module === undefined ? {} : { module: kernel.module }),
      },
      signalOption(context),
    )
    refuseNonFinite(result, task)
  } finally {
    for (const buffer of rooms) context.scratch.giveBack(buffer)
  }
}

/** A format without a kernel works on this thread, one range at a time. */
async function quantizeRowsHere(task: RowTask): Promise<void> {
  const { matrix, first, rows } = task
  const { info: weight, format } = task.module
  const own = await readRowsHere(matrix, first, first + rows)
  const bytes = castValues(own, weight.dtype, 'float32')
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, rows * weight.inFeatures)
  if (!values.every(Number.isFinite)) refuseNonFinite({ nonFinite: 1 }, task)
  const made = new Map(
    [...task.outputs].map(([key, range]) => [key, viewOf(range) ?? new Uint8Array(range.byteLength)]),
  )
  format.quantize!(floatRows(values, weight.inFeatures, first), componentRows(made), weight)
  for (const [key, range] of task.outputs) {
    if ('fd' in range) await writeRange(range, made.get(key)!)
    else if (range.spacing !== undefined) writeByteRange(range, made.get(key)!)
  }
}

/** The bytes of a range themselves, where they lie in memory one behind the other. */
const viewOf = (range: ByteRange): Uint8Array | undefined =>
  'fd' in range || range.spacing !== undefined
    ? undefined
    : new Uint8Array(range.buffer, range.byteOffset, range.byteLength)

async function finish(
  { format, info: weight, components }: QuantizedModule,
  whole: ReadonlyMap<string, SharedArrayBuffer>,
  targets: ReadonlyMap<string, ByteRange>,
  pieces: readonly Promise<void>[],
): Promise<FinalShapes> {
  await settleOnFailure(pieces, () => Promise.all(pieces))
  if (whole.size === 0) return NO_SHAPES
  const shapes = format.finish?.(
    componentRows(new Map([...whole].map(([key, buffer]) => [key, new Uint8Array(buffer)]))),
    weight,
  )
  for (const { key } of components) {
    const buffer = whole.get(key)
    if (buffer !== undefined) await writeRange(targets.get(key)!, new Uint8Array(buffer))
  }
  return shapes ?? NO_SHAPES
}

const NO_SHAPES: FinalShapes = new Map()

/** The components that are in memory until all rows have been made. */
const keptComponents = ({ format, info: weight, components }: QuantizedModule): readonly Component[] => [
  ...components.filter((component) => !isCutInRows(component)),
  ...(format.scratch?.(weight) ?? []),
]

/** The dtype in which rows are handed to the format: that of the weight, unless its kernel casts them. */
function dtypeOfRows({ format, info }: QuantizedModule, { dtype }: CheckpointTensor): FloatDtype {
  const casts = format.quantizeKernel?.(info).casts ?? false
  return casts && isFloatDtype(dtype) ? dtype : info.dtype
}

/** Memory for all of a component, zeros unless every byte will be written: ranges are put into columns as they are. */
function roomFor({ dtype, shape, layout }: Component, scratch: SharedScratch): SharedArrayBuffer {
  const buffer = scratch.take(tensorBytes(dtype, shape))
  if (layout !== 'columns') new Uint8Array(buffer).fill(0)
  return buffer
}

const rangeOf = (buffer: SharedArrayBuffer): ByteRange => ({
  buffer,
  byteOffset: 0,
  byteLength: buffer.byteLength,
})

const byteLengthOf = (components: readonly Component[]): number =>
  components.reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0)

function refuseNonFinite(
  { nonFinite }: Pick<KernelResult, 'nonFinite'>,
  { module, matrix, first, rows }: RowTask,
): void {
  if (nonFinite === 0) return
  throw new CheckpointError(
    'TENSOR_NOT_FINITE',
    `"${module.tensor}" in ${matrix.source.file} holds NaN or infinity within rows ${first} to ${first + rows - 1}`,
    {
      tensor: module.tensor,
      file: matrix.source.file,
      hint: 'No integer format can hold these values; repair the checkpoint, or skip the module.',
    },
  )
}

const signalOption = ({ signal }: StreamContext) => (signal === undefined ? {} : { signal })
