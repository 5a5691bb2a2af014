import { KernelArgumentError } from '../errors.js'
import { ALL_FINITE, type KernelDefinition, type ParamReader } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import { type GptqGridParams, type GptqGridRowsParams, gptqGrid } from '../reference/gptq-grid.js'
import { type GptqRowsParams, gptqRows } from '../reference/gptq-rows.js'
import { DTYPE_NUMBER, type WasmKernels } from '../wasm/instance.js'

/** Columns of a row at most: their square still fits into the memory of a kernel. */
const MAX_COLUMNS = 2 ** 20

function readGrid(kernel: string, read: ParamReader): GptqGridParams {
  const searchExponent = read.number('searchExponent')
  if (!(searchExponent >= 0))
    throw new KernelArgumentError(kernel, 'parameter "searchExponent"', searchExponent, '0 or more')
  return {
    bits: read.count('bits', 1, 8),
    symmetric: read.flag('symmetric'),
    oneSided: read.flag('oneSided'),
    minimumZero: read.count('minimumZero', 0, 1),
    searchExponent,
    roundScales: read.flag('roundScales'),
  }
}

function configure({ exports }: WasmKernels, params: GptqGridParams): void {
  exports.configureGrid(
    params.bits,
    Number(params.symmetric),
    Number(params.oneSided),
    params.minimumZero,
    params.searchExponent,
    Number(params.roundScales),
  )
}

const readMatrix = (kernel: string, read: ParamReader): GptqGridRowsParams => ({
  ...readGrid(kernel, read),
  dtype: read.dtype('dtype'),
  rows: read.count('rows'),
  columns: read.count('columns', 0, MAX_COLUMNS),
  groupSize: read.count('groupSize', 1),
})

/** Round to nearest; see `reference.gptqGrid`. */
export const gptqGridKernel: KernelDefinition<GptqGridRowsParams> = {
  name: 'gptqGrid',
  parse: (read) => readMatrix('gptqGrid', read),
  sizes({ dtype, rows, columns, groupSize }) {
    const groups = rows * Math.ceil(columns / groupSize)
    return {
      inputs: [rows * columns * floatBytes(dtype)],
      outputs: [rows * columns, groups * 4, groups],
    }
  },
  scratch: ({ columns }) => columns * 20 + 32,
  reference: gptqGrid,
  simd(params, wasm, [weight], [codes, scales, zeros], scratch) {
    configure(wasm, params)
    const { dtype, rows, columns, groupSize } = params
    const nonFinite = wasm.exports.gptqGrid(
      DTYPE_NUMBER[dtype],
      rows,
      columns,
      groupSize,
      weight!.byteOffset,
      codes!.byteOffset,
      scales!.byteOffset,
      zeros!.byteOffset,
      scratch.byteOffset,
    )
    return { nonFinite }
  },
}

/** The column loop; see `reference.gptqRows`. Rows are independent: any split over tasks gives the same bytes. */
export const gptqRowsKernel: KernelDefinition<GptqRowsParams> = {
  name: 'gptqRows',
  parse: (read) => ({ ...readMatrix('gptqRows', read), groups: read.count('groups') }),
  sizes({ dtype, rows, columns, groups }) {
    const weight = rows * columns * floatBytes(dtype)
    return {
      inputs: [
        weight,
        columns * columns * 4,
        columns * 4,
        columns * 4,
        columns,
        rows * groups * 4,
        rows * groups,
      ],
      optionalInputs: 2,
      outputs: [rows * columns, rows * groups * 4, rows * groups, rows * 8],
    }
  },
  // 64 rows of float32, a panel of the factor, the errors of a block, and a row: `gptqRowsScratch` of the module.
  scratch: ({ columns }) => 64 * columns * 4 + 128 * (columns + 8) * 4 + 64 * 128 * 4 + columns * 4 + 32,
  reference: gptqRows,
  simd(params, wasm, inputs, [codes, scales, zeros, losses], scratch) {
    configure(wasm, params)
    const { dtype, rows, columns, groups, groupSize } = params
    const [weight, factor, order, groupOf, dead, givenScales, givenZeros] = inputs
    if (givenScales !== undefined) scales!.set(givenScales)
    if (givenZeros !== undefined) zeros!.set(givenZeros)
    losses!.fill(0)
    wasm.exports.gptqRows(
      DTYPE_NUMBER[dtype],
      rows,
      columns,
      groups,
      groupSize,
      givenScales === undefined ? 0 : 1,
      weight!.byteOffset,
      factor!.byteOffset,
      order!.byteOffset,
      groupOf!.byteOffset,
      dead!.byteOffset,
      codes!.byteOffset,
      scales!.byteOffset,
      zeros!.byteOffset,
      losses!.byteOffset,
      scratch.byteOffset,
    )
    return ALL_FINITE
  },
}
