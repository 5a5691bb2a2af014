import type { ByteRange, KernelResult } from '@hfquant/kernels'
import type { Component, FinalShapes, WeightInfo } from '../contract/format.js'
import { CheckpointError } from '../errors/families.js'
import { tensorBytes } from '../shell/dtype.js'
import type { QuantizedModule } from '../shell/quantized-module.js'
import type { ByteBudget } from './byte-budget.js'
import { subRange, writeRange } from './byte-range.js'
import { castValues } from './cast-values.js'
import type { CheckpointTensor } from './checkpoint.js'
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
  const kept = wholeComponents(module)
  const room = await context.wholeBudget.acquire(byteLengthOf(kept), context.signal)
  const whole = new Map(
    kept.map(({ key, dtype, shape }) => [key, context.scratch.take(tensorBytes(dtype, shape))]),
  )
  const pieces: Promise<void>[] = []
  const matrix = { source: checkpointSource(source), slot: replaced.slot, dtype: weight.dtype }
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
          whole.get(component.key) === undefined
            ? rowsOfComponent(targets.get(component.key)!, component, weight, first, end)
            : rowsOfWhole(whole.get(component.key)!, component, weight, first, end),
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
  const params = { ...kernel.params, rows, columns: weight.inFeatures, dtype: weight.dtype }
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
  const made = new Map<string, Uint8Array>()
  for (const [key, { byteLength }] of task.outputs) made.set(key, new Uint8Array(byteLength))
  for (const [key, range] of task.outputs) {
    if ('buffer' in range) made.set(key, new Uint8Array(range.buffer, range.byteOffset, range.byteLength))
  }
  format.quantize!(floatRows(values, weight.inFeatures, first), componentRows(made), weight)
  for (const [key, range] of task.outputs) {
    if ('fd' in range) await writeRange(range, made.get(key)!)
  }
}

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

/** The components that only `finish` completes. */
const wholeComponents = ({ format, info: weight, components }: QuantizedModule): readonly Component[] => [
  ...components.filter(({ layout }) => layout === 'whole'),
  ...(format.scratch?.(weight) ?? []),
]

const byteLengthOf = (components: readonly Component[]): number =>
  components.reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0)

function rowsOfComponent(
  target: ByteRange,
  component: Component,
  weight: WeightInfo,
  first: number,
  end: number,
) {
  const bytes = tensorBytes(component.dtype, component.shape)
  const start = (bytes * first) / weight.outFeatures
  return subRange(target, start, (bytes * end) / weight.outFeatures - start)
}

/** Scratch made row by row is handed out in rows; a 'whole' component always entirely. */
function rowsOfWhole(
  buffer: SharedArrayBuffer,
  component: Component,
  weight: WeightInfo,
  first: number,
  end: number,
): ByteRange {
  const range = { buffer, byteOffset: 0, byteLength: buffer.byteLength }
  return component.layout === 'whole' ? range : rowsOfComponent(range, component, weight, first, end)
}

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
