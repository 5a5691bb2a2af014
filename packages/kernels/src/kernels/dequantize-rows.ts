import { ALL_FINITE, type KernelDefinition } from '../kernel.js'
import { type DequantizeRowsParams, dequantizeRows } from '../reference/dequantize-rows.js'
import { floatBytes } from '../reference/float-formats.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'
import { readGroupSize } from './group-size.js'

/** Codes and scales back to floats; see `reference.dequantizeRows`. */
export const dequantizeRowsKernel: KernelDefinition<DequantizeRowsParams> = {
  name: 'dequantizeRows',
  parse: (read) => ({
    rows: read.count('rows'),
    ...readGroupSize('dequantizeRows', read),
    scaleDtype: read.dtype('scaleDtype'),
    dtype: read.dtype('dtype'),
  }),
  sizes({ rows, columns, groupSize, scaleDtype, dtype }) {
    const groups = (rows * columns) / groupSize
    return {
      inputs: [rows * columns, groups * floatBytes(scaleDtype), groups],
      outputs: [rows * columns * floatBytes(dtype)],
      optionalInputs: 1,
    }
  },
  reference: dequantizeRows,
  simd({ rows, columns, groupSize, scaleDtype, dtype }, { exports }, [codes, scales, zeroPoints], [result]) {
    exports.dequantizeGroups(
      DTYPE_NUMBER[dtype],
      DTYPE_NUMBER[scaleDtype],
      (rows * columns) / groupSize,
      groupSize,
      codes!.byteOffset,
      scales!.byteOffset,
      zeroPoints?.byteOffset ?? 0,
      result!.byteOffset,
    )
    return ALL_FINITE
  },
}
