import { KernelArgumentError } from '../errors.js'
import { ALL_FINITE, type KernelDefinition, type ParamReader } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import {
  type DequantizeColumnsParams,
  dequantizeColumns,
  type PackColumnsParams,
  type PackedRowsParams,
  packColumns,
  type RepackColumnsParams,
  repackColumns,
  type UnpackColumnsParams,
  unpackColumns,
  wordsFor,
} from '../reference/gptq-pack.js'
import { nibbleRowBytes } from '../reference/pack-nibbles.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'
import { readNibbleBlock } from './pack-nibbles.js'

const WIDTHS = [2, 3, 4, 8]

export function readBits(kernel: string, read: ParamReader): number {
  const bits = read.count('bits')
  if (WIDTHS.includes(bits)) return bits
  throw new KernelArgumentError(kernel, 'parameter "bits"', bits, WIDTHS.join(', '))
}

function readPackedRows(kernel: string, read: ParamReader): PackedRowsParams {
  const totalRows = read.count('totalRows')
  const first = read.count('first', 0, totalRows)
  return {
    bits: readBits(kernel, read),
    totalRows,
    columns: read.count('columns'),
    first,
    rows: read.count('rows', 0, totalRows - first),
  }
}

/** Packed rows that are turned together: sixteen times `packedStride` of the module. */
export const turnedRowsScratch = ({ bits, columns }: Pick<PackColumnsParams, 'bits' | 'columns'>): number =>
  16 * (Math.ceil((Math.ceil(columns / 16) * 2 * bits) / 16) * 16 + 80)

/** Codes into the words of a GPTQ checkpoint; see `reference.packColumns`. */
export const packColumnsKernel: KernelDefinition<PackColumnsParams> = {
  name: 'packColumns',
  parse: (read) => ({
    bits: readBits('packColumns', read),
    rows: read.count('rows'),
    columns: read.count('columns'),
  }),
  sizes: ({ bits, rows, columns }) => ({
    inputs: [rows * columns],
    outputs: [wordsFor(columns, bits) * rows * 4],
  }),
  scratch: (params) => params.columns + 16 + turnedRowsScratch(params),
  reference: packColumns,
  simd({ bits, rows, columns }, { exports }, [codes], [words], scratch) {
    exports.packColumns(bits, rows, columns, codes!.byteOffset, words!.byteOffset, scratch.byteOffset)
    return ALL_FINITE
  },
}

/** Codes out of the words of a GPTQ checkpoint; see `reference.unpackColumns`. */
export const unpackColumnsKernel: KernelDefinition<UnpackColumnsParams> = {
  name: 'unpackColumns',
  parse(read) {
    const packed = readPackedRows('unpackColumns', read)
    const rowBytes = read.count('rowBytes', packed.columns)
    return { ...packed, rowBytes, subtract: read.count('subtract', 0, 255) }
  },
  sizes: (params) => ({
    inputs: [wordsFor(params.columns, params.bits) * params.totalRows * 4, params.columns * 4],
    optionalInputs: 1,
    outputs: [params.rows * params.rowBytes],
  }),
  reference: unpackColumns,
  simd(params, { exports }, [words, order], [codes]) {
    const { bits, totalRows, columns, first, rows, rowBytes, subtract } = params
    exports.unpackColumns(
      bits,
      totalRows,
      columns,
      first,
      rows,
      rowBytes,
      -subtract,
      words!.byteOffset,
      order?.byteOffset ?? 0,
      codes!.byteOffset,
    )
    return ALL_FINITE
  },
}

/** Codes out of the words of a GPTQ checkpoint, two a byte; see `reference.repackColumns`. */
export const repackColumnsKernel: KernelDefinition<RepackColumnsParams> = {
  name: 'repackColumns',
  parse: (read) => ({
    ...readPackedRows('repackColumns', read),
    blockSize: readNibbleBlock('repackColumns', read),
    subtract: read.count('subtract', 0, 255),
  }),
  sizes: (params) => ({
    inputs: [wordsFor(params.columns, params.bits) * params.totalRows * 4, params.columns * 4],
    optionalInputs: 1,
    outputs: [params.rows * nibbleRowBytes(params)],
  }),
  scratch: ({ rows, columns }) => rows * columns,
  reference: repackColumns,
  simd(params, { exports }, [words, order], [result], { byteOffset: codes }) {
    const { bits, totalRows, columns, first, rows, subtract } = params
    const from = [words!.byteOffset, order?.byteOffset ?? 0] as const
    exports.unpackColumns(bits, totalRows, columns, first, rows, columns, -subtract, ...from, codes)
    const rowBytes = nibbleRowBytes(params)
    return { nonFinite: exports.packNibbles(rows, columns, rowBytes, codes, result!.byteOffset) }
  },
}

/** Float32 values of rows of a GPTQ checkpoint; see `reference.dequantizeColumns`. */
export const dequantizeColumnsKernel: KernelDefinition<DequantizeColumnsParams> = {
  name: 'dequantizeColumns',
  parse(read) {
    return {
      ...readPackedRows('dequantizeColumns', read),
      groups: read.count('groups', 1),
      groupSize: read.count('groupSize', 1),
      scaleDtype: read.dtype('scaleDtype'),
      minusOne: read.flag('minusOne'),
    }
  },
  sizes: (params) => ({
    inputs: [
      wordsFor(params.columns, params.bits) * params.totalRows * 4,
      params.groups * wordsFor(params.totalRows, params.bits) * 4,
      params.groups * params.totalRows * floatBytes(params.scaleDtype),
      params.columns * 4,
    ],
    optionalInputs: 1,
    outputs: [params.rows * params.columns * 4],
  }),
  scratch: ({ groups }) => groups * 8,
  reference: dequantizeColumns,
  simd(params, { exports }, [words, zeroPoints, scales, groupOf], [values], scratch) {
    exports.dequantizeColumns(
      params.bits,
      Number(params.minusOne),
      DTYPE_NUMBER[params.scaleDtype],
      params.totalRows,
      params.columns,
      params.groups,
      params.groupSize,
      params.first,
      params.rows,
      words!.byteOffset,
      zeroPoints!.byteOffset,
      scales!.byteOffset,
      groupOf?.byteOffset ?? 0,
      values!.byteOffset,
      scratch.byteOffset,
    )
    return ALL_FINITE
  },
}
