import { KernelArgumentError } from '../errors.js'
import { ALL_FINITE, type KernelDefinition, type ParamReader } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import {
  type Int4OffsetDequantizeParams,
  type Int4OffsetQuantizeParams,
  int4OffsetDequantize,
  int4OffsetQuantize,
} from '../reference/int4-offset.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'
import { readGroupSize } from './group-size.js'

/** torchao Int4Tensor: packed four-bit codes with a scale and a float offset for each group of columns. */
export const int4OffsetQuantizeKernel: KernelDefinition<Int4OffsetQuantizeParams> = {
  name: 'int4OffsetQuantize',
  parse: (read) => ({
    dtype: read.dtype('dtype'),
    rows: read.count('rows'),
    ...readEvenGroupSize('int4OffsetQuantize', read),
  }),
  sizes({ dtype, rows, columns, groupSize }) {
    const groupBytes = ((rows * columns) / groupSize) * floatBytes(dtype)
    return {
      inputs: [rows * columns * floatBytes(dtype)],
      outputs: [(rows * columns) / 2, groupBytes, groupBytes],
    }
  },
  reference: int4OffsetQuantize,
  simd: ({ dtype, rows, columns, groupSize }, { exports }, [weight], [packed, scales, offsets]) => ({
    nonFinite: exports.int4OffsetQuantize(
      DTYPE_NUMBER[dtype],
      (rows * columns) / groupSize,
      groupSize,
      weight!.byteOffset,
      packed!.byteOffset,
      scales!.byteOffset,
      offsets!.byteOffset,
    ),
  }),
}

/** Rows of such a weight back to floats; scale and offset are stored transposed and are those of the whole weight. */
export const int4OffsetDequantizeKernel: KernelDefinition<Int4OffsetDequantizeParams> = {
  name: 'int4OffsetDequantize',
  parse(read) {
    const rows = read.count('rows')
    const outFeatures = read.count('outFeatures', rows)
    return {
      rows,
      outFeatures,
      first: read.count('first', 0, outFeatures - rows),
      ...readEvenGroupSize('int4OffsetDequantize', read),
      scaleDtype: read.dtype('scaleDtype'),
      dtype: read.dtype('dtype'),
    }
  },
  sizes({ rows, columns, groupSize, outFeatures, scaleDtype, dtype }) {
    const groupBytes = (columns / groupSize) * outFeatures * floatBytes(scaleDtype)
    return {
      inputs: [(rows * columns) / 2, groupBytes, groupBytes],
      outputs: [rows * columns * floatBytes(dtype)],
    }
  },
  reference: int4OffsetDequantize,
  simd(params, { exports }, [packed, scales, offsets], [result]) {
    exports.int4OffsetDequantize(
      DTYPE_NUMBER[params.dtype],
      DTYPE_NUMBER[params.scaleDtype],
      params.rows,
      params.columns / params.groupSize,
      params.groupSize,
      params.outFeatures,
      params.first,
      packed!.byteOffset,
      scales!.byteOffset,
      offsets!.byteOffset,
      result!.byteOffset,
    )
    return ALL_FINITE
  },
}

function readEvenGroupSize(kernel: string, read: ParamReader): { columns: number; groupSize: number } {
  const extent = readGroupSize(kernel, read)
  if (extent.groupSize % 2 === 0) return extent
  throw new KernelArgumentError(kernel, 'parameter "groupSize"', extent.groupSize, 'an even number')
}
