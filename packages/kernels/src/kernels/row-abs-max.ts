import type { KernelDefinition } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import { type MatrixParams, rowAbsMax } from '../reference/row-abs-max.js'
import { DTYPE_NUMBER } from '../wasm/instance.js'

/** weight [rows, columns] -> max |w| of each row, float32 [rows]. */
export const rowAbsMaxKernel: KernelDefinition<MatrixParams> = {
  name: 'rowAbsMax',
  parse: (read) => ({ dtype: read.dtype('dtype'), rows: read.count('rows'), columns: read.count('columns') }),
  sizes: ({ dtype, rows, columns }) => ({
    inputs: [rows * columns * floatBytes(dtype)],
    outputs: [rows * 4],
  }),
  reference: rowAbsMax,
  simd: ({ dtype, rows, columns }, { exports }, [weight], [result]) => ({
    nonFinite: exports.rowAbsMax(DTYPE_NUMBER[dtype], rows, columns, weight!.byteOffset, result!.byteOffset),
  }),
}
