import type { KernelDefinition } from '../kernel.js'
import { floatBytes } from '../reference/float-formats.js'
import { INT8_ROWS_EPS, int8Rows } from '../reference/int8-rows.js'
import type { MatrixParams } from '../reference/row-abs-max.js'
import { DTYPE_NUMBER, MAPPING_NUMBER } from '../wasm/instance.js'

/** torchao Int8Tensor: weight [rows, columns] -> codes int8, scale float32 [rows], zero point int8 [rows] (optional). */
export const int8RowsKernel: KernelDefinition<MatrixParams> = {
  name: 'int8Rows',
  parse: (read) => ({ dtype: read.dtype('dtype'), rows: read.count('rows'), columns: read.count('columns') }),
  sizes: ({ dtype, rows, columns }) => ({
    inputs: [rows * columns * floatBytes(dtype)],
    outputs: [rows * columns, rows * 4, rows],
    optionalOutputs: 1,
  }),
  reference: int8Rows,
  simd: ({ dtype, rows, columns }, { exports }, [weight], [codes, scales, zeroPoints]) => ({
    nonFinite: exports.intGroups(
      DTYPE_NUMBER[dtype],
      DTYPE_NUMBER.float32,
      MAPPING_NUMBER.symmetric,
      8,
      INT8_ROWS_EPS,
      rows,
      columns,
      weight!.byteOffset,
      codes!.byteOffset,
      scales!.byteOffset,
      zeroPoints?.byteOffset ?? 0,
    ),
  }),
}
