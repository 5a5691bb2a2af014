import { KernelArgumentError } from '../errors.js'
import type { KernelDefinition, ParamReader } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import { type GptqGridParams, type GptqGridRowsParams, gptqGrid } from '../reference/gptq-grid.js'
import { DTYPE_NUMBER, type WasmKernels } from '../wasm/instance.js'

/** Columns of a row at most: their square still fits into the memory of a kernel. */
export const MAX_COLUMNS = 2 ** 20

export function readGrid(kernel: string, read: ParamReader): GptqGridParams {
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

export function configure({ exports }: WasmKernels, params: GptqGridParams): void {
  exports.configureGrid(
    params.bits,
    Number(params.symmetric),
    Number(params.oneSided),
    params.minimumZero,
    params.searchExponent,
    Number(params.roundScales),
  )
}

export function readGridRows(kernel: string, read: ParamReader): GptqGridRowsParams {
  return {
    ...readGrid(kernel, read),
    dtype: read.dtype('dtype'),
    rows: read.count('rows'),
    columns: read.count('columns', 0, MAX_COLUMNS),
    groupSize: read.count('groupSize', 1),
  }
}

export const groupCount = ({ columns, groupSize }: GptqGridRowsParams): number =>
  Math.ceil(columns / groupSize)

/** A grid, those of four rows in fours, the tile of a search, and the codes of a row: `divide` of the module. */
export const gridScratch = (params: GptqGridRowsParams): number =>
  32 + Math.ceil(groupCount(params) / 4) * 128 + params.columns * 21 + 32

/** Round to nearest; see `reference.gptqGrid`. */
export const gptqGridKernel: KernelDefinition<GptqGridRowsParams> = {
  name: 'gptqGrid',
  parse: (read) => readGridRows('gptqGrid', read),
  sizes(params) {
    const { dtype, rows, columns } = params
    const groups = rows * groupCount(params)
    return {
      inputs: [rows * columns * floatBytes(dtype)],
      outputs: [rows * columns, groups * 4, groups],
    }
  },
  scratch: gridScratch,
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
