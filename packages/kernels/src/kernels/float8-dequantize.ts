import type { KernelDefinition } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import {
  FLOAT8_DTYPES,
  type Float8DequantizeParams,
  float8Dequantize,
} from '../reference/float8-dequantize.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'
import { readGroupSize } from './group-size.js'

/** Eight-bit floats and scales back to floats; see `reference.float8Dequantize`. */
export const float8DequantizeKernel: KernelDefinition<Float8DequantizeParams> = {
  name: 'float8Dequantize',
  parse: (read) => ({
    rows: read.count('rows'),
    ...readGroupSize('float8Dequantize', read),
    codeDtype: read.choice('codeDtype', FLOAT8_DTYPES),
    dtype: read.dtype('dtype'),
  }),
  sizes: ({ rows, columns, groupSize, dtype }) => ({
    inputs: [rows * columns, ((rows * columns) / groupSize) * 4],
    outputs: [rows * columns * floatBytes(dtype)],
  }),
  reference: float8Dequantize,
  simd: ({ rows, columns, groupSize, codeDtype, dtype }, { exports }, [codes, scales], [result]) => ({
    nonFinite: exports.float8Dequantize(
      DTYPE_NUMBER[dtype],
      codeDtype === 'float8_e4m3fn' ? 0 : 1,
      (rows * columns) / groupSize,
      groupSize,
      codes!.byteOffset,
      scales!.byteOffset,
      result!.byteOffset,
    ),
  }),
}
