import {
  eachRows,
  PANEL_ROWS,
  rangeOf,
  rowsOf,
  type ScratchArrays,
  type SharedWeight,
  type Workers,
} from '@hfquant/calibrate'
import { upperPanels } from '@hfquant/kernels'
import type { QuantizedRows } from '../format/encode.js'
import { type GridRules, gridParams } from '../format/gptq-format.js'
import { type GptqLayout, groupCount } from '../format/layout.js'
import type { ColumnOrder } from './column-order.js'
import type { Factor } from './factorize.js'

export interface ColumnsRequest extends Workers {
  readonly weight: SharedWeight
  readonly layout: GptqLayout
  readonly rules: GridRules
  /** Holds the result until its next use. */
  readonly scratch: ScratchArrays
}

export interface QuantizedColumns extends QuantizedRows {
  /** ½ Σ ((w − w') / U_cc)², over all weights. */
  readonly loss: number
}

/** The column loop over a whole weight, which is used up. The factor is read once for each range of rows, by panels. */
export async function quantizeColumns(
  request: ColumnsRequest,
  columns: ColumnOrder,
  factor: Factor,
  dead: Uint8Array,
): Promise<QuantizedColumns> {
  const { weight, layout, rules, scratch } = request
  const { grids } = columns
  const groups = groupCount(weight.columns, layout.groupSize)
  const result = allocate(scratch, weight, groups)
  if (grids === 'from all columns') await roundRows(request)
  clearColumns(weight, dead)
  if (grids === 'from live columns') await roundRows(request)
  const losses = new Float64Array(scratch.bytes('losses', weight.rows * 8).buffer, 0, weight.rows)
  let loss = 0
  for (const { first, end, width, offset } of upperPanels(weight.columns, PANEL_ROWS)) {
    const panel = factor.values.subarray(offset, offset + (end - first) * width)
    await eachRows(weight, request, (row, count) => {
      const state = rowsOf(weight.values, row, count, weight.columns)
      const known = [result.scales, result.zeros].map((values) => rowsOf(values, row, count, groups))
      return {
        kernel: 'gptqRows',
        params: {
          ...gridParams(layout, rules),
          ...{ rows: count, columns: weight.columns, groups, first, end },
          findGrids: grids === 'on the way',
        },
        inputs: [state, ...[panel, columns.order, columns.groupAt].map(rangeOf), ...known],
        outputs: [state, ...known, rowsOf(losses, row, count, 1)],
      }
    })
    loss = losses.reduce((sum, value) => sum + value, loss)
  }
  // The columns that are done hold their codes.
  result.codes.set(weight.values)
  return { ...result, groupOf: columns.groupOf, loss }
}

/** Round to nearest, on groups of consecutive columns. */
export async function roundRows(request: ColumnsRequest): Promise<QuantizedRows> {
  const { weight, layout, rules, scratch } = request
  const { columns } = weight
  const groups = groupCount(columns, layout.groupSize)
  const { codes, scales, zeros } = allocate(scratch, weight, groups)
  await eachRows(weight, request, (row, count) => ({
    kernel: 'gptqGrid',
    params: { ...gridParams(layout, rules), dtype: 'float32', rows: count, columns },
    inputs: [rowsOf(weight.values, row, count, columns)],
    outputs: [
      rowsOf(codes, row, count, columns),
      rowsOf(scales, row, count, groups),
      rowsOf(zeros, row, count, groups),
    ],
  }))
  const groupOf = Int32Array.from({ length: columns }, (_, column) => Math.floor(column / layout.groupSize))
  return { codes, scales, zeros, groupOf }
}

const allocate = (
  scratch: ScratchArrays,
  { rows, columns }: SharedWeight,
  groups: number,
): Omit<QuantizedRows, 'groupOf'> => ({
  codes: scratch.bytes('codes', rows * columns),
  scales: scratch.floats('scales', rows * groups),
  zeros: scratch.bytes('zeros', rows * groups),
})

/** Channels that never fired get weights of 0. */
function clearColumns({ values, rows, columns }: SharedWeight, dead: Uint8Array): void {
  for (const [column, isDead] of dead.entries()) {
    if (isDead === 0) continue
    for (let row = 0; row < rows; row++) values[row * columns + column] = 0
  }
}
