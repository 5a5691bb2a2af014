import { ALL_FINITE, type KernelDefinition, type ParamReader } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import { llmInt8Dequantize, llmInt8Quantize } from '../reference/llm-int8.js'
import type { MatrixParams } from '../reference/row-abs-max.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'

const readMatrix = (read: ParamReader): MatrixParams => ({
  dtype: read.dtype('dtype'),
  rows: read.count('rows'),
  columns: read.count('columns'),
})

/** Int8 rows of a weight cast to float16; see `reference.llmInt8Quantize`. */
export const llmInt8QuantizeKernel: KernelDefinition<MatrixParams> = {
  name: 'llmInt8Quantize',
  parse: readMatrix,
  sizes: ({ dtype, rows, columns }) => ({
    inputs: [rows * columns * floatBytes(dtype)],
    outputs: [rows * columns, rows * 4],
  }),
  reference: llmInt8Quantize,
  simd: ({ dtype, rows, columns }, { exports }, [weight], [codes, absMax]) => ({
    nonFinite: exports.llmInt8Quantize(
      DTYPE_NUMBER[dtype],
      rows,
      columns,
      weight!.byteOffset,
      codes!.byteOffset,
      absMax!.byteOffset,
    ),
  }),
}

/** Int8 rows back to floats; see `reference.llmInt8Dequantize`. */
export const llmInt8DequantizeKernel: KernelDefinition<MatrixParams> = {
  name: 'llmInt8Dequantize',
  parse: readMatrix,
  sizes: ({ dtype, rows, columns }) => ({
    inputs: [rows * columns, rows * 4],
    outputs: [rows * columns * floatBytes(dtype)],
  }),
  reference: llmInt8Dequantize,
  simd({ dtype, rows, columns }, { exports }, [codes, absMax], [result]) {
    exports.llmInt8Dequantize(
      DTYPE_NUMBER[dtype],
      rows,
      columns,
      codes!.byteOffset,
      absMax!.byteOffset,
      result!.byteOffset,
    )
    return ALL_FINITE
  },
}
