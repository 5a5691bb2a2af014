import type { KernelPool } from '@hfquant/kernels'
import type { QuantizedRows } from '../format/encode.js'
import { type GridRules, gridParams } from '../format/gptq-format.js'
import { type GptqLayout, groupCount } from '../format/layout.js'
import type { ColumnOrder } from './column-order.js'
import { type Factor, rangeOf, sharedFloats } from './factorize.js'

/** A float32 weight [rows, columns] in memory that the worker pool shares. */
export interface SharedWeight {
  readonly values: Float32Array
  readonly rows: number
  readonly columns: number
}

export interface ColumnsRequest {
  readonly weight: SharedWeight
  readonly layout: GptqLayout
  readonly rules: GridRules
  readonly pool: KernelPool
  readonly signal: AbortSignal | undefined
}

export interface QuantizedColumns extends QuantizedRows {
  /** ½ Σ ((w − w') / U_cc)², over all weights. */
  readonly loss: number
}

/** Rows are cut at multiples of this, which a kernel handles together. */
const ROWS_STEP = 64

/** The column loop over a whole weight, rows split among the workers. */
export async function quantizeColumns(
  request: ColumnsRequest,
  columns: ColumnOrder,
  { values: factor }: Factor,
  dead: Uint8Array,
): Promise<QuantizedColumns> {
  const { weight, layout, rules } = request
  const groups = groupCount(weight.columns, layout.groupSize)
  const given =
    columns.grids === 'on the way' ? undefined : await roundRows(gridRequest(request, columns, dead))
  const result = allocate(weight, groups)
  const losses = new Float64Array(new SharedArrayBuffer(weight.rows * 8))
  await eachRows(request, (first, count) => ({
    kernel: 'gptqRows',
    params: { ...gridParams(layout, rules), dtype: 'float32', rows: count, columns: weight.columns, groups },
    inputs: [
      rows(weight.values, first, count, weight.columns),
      ...[factor, columns.order, columns.groupAt, dead].map(rangeOf),
      ...(given === undefined
        ? []
        : [rows(given.scales, first, count, groups), rows(given.zeros, first, count, groups)]),
    ],
    outputs: [...outputsOf(result, first, count, weight.columns, groups), rows(losses, first, count, 1)],
  }))
  return { ...result, groupOf: columns.groupOf, loss: losses.reduce((sum, loss) => sum + loss, 0) }
}

/** Round to nearest, on groups of consecutive columns. */
export async function roundRows(request: ColumnsRequest): Promise<QuantizedRows> {
  const { weight, layout, rules } = request
  const groups = groupCount(weight.columns, layout.groupSize)
  const result = allocate(weight, groups)
  await eachRows(request, (first, count) => ({
    kernel: 'gptqGrid',
    params: { ...gridParams(layout, rules), dtype: 'float32', rows: count, columns: weight.columns },
    inputs: [rows(weight.values, first, count, weight.columns)],
    outputs: outputsOf(result, first, count, weight.columns, groups),
  }))
  const groupOf = Int32Array.from({ length: weight.columns }, (_, column) =>
    Math.floor(column / layout.groupSize),
  )
  return { ...result, groupOf }
}

/** The weight that parameters are found on beforehand. */
function gridRequest(request: ColumnsRequest, { grids }: ColumnOrder, dead: Uint8Array): ColumnsRequest {
  const { weight } = request
  if (grids === 'from all columns' || !dead.includes(1)) return request
  const values = sharedFloats(weight.values.length)
  for (let index = 0; index < values.length; index++) {
    values[index] = dead[index % weight.columns] === 1 ? 0 : weight.values[index]!
  }
  return { ...request, weight: { ...weight, values } }
}

type Rows = Omit<QuantizedRows, 'groupOf'>

const allocate = ({ rows, columns }: SharedWeight, groups: number): Rows => ({
  codes: new Uint8Array(new SharedArrayBuffer(rows * columns)),
  scales: sharedFloats(rows * groups),
  zeros: new Uint8Array(new SharedArrayBuffer(rows * groups)),
})

const outputsOf = (
  { codes, scales, zeros }: Rows,
  first: number,
  count: number,
  columns: number,
  groups: number,
) => [
  rows(codes, first, count, columns),
  rows(scales, first, count, groups),
  rows(zeros, first, count, groups),
]

function rows(values: Float32Array | Float64Array | Uint8Array, first: number, count: number, width: number) {
  return rangeOf(values.subarray(first * width, (first + count) * width))
}

/** Rows are independent of each other, so how many workers there are changes nothing. */
async function eachRows(
  { weight, pool, signal }: ColumnsRequest,
  task: (first: number, count: number) => Parameters<KernelPool['run']>[0],
): Promise<void> {
  const share = Math.ceil(weight.rows / pool.workers / ROWS_STEP) * ROWS_STEP
  const running: Promise<unknown>[] = []
  for (let first = 0; first < weight.rows; first += share) {
    const count = Math.min(share, weight.rows - first)
    running.push(pool.run(task(first, count), signal === undefined ? {} : { signal }))
  }
  const results = await Promise.allSettled(running)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
